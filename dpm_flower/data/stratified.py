"""Choosing a part of labelled images with the class mix of the whole."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.data.partition_groups import groups_in_order

QUOTA_DECIMALS = 6  # 0.1 + 0.2 is not 0.3: a quota this close to a whole number counts as that number


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """A number of things and weights (n) -> n whole numbers that add up to `total`, each within 1 of its exact quota.

    Largest remainders, ties to the earlier. With whole-number weights whose sum is at least `total`, no part exceeds its weight.
    """
    whole = sum(weights)
    quotas = [round(total * weight / whole, QUOTA_DECIMALS) for weight in weights]
    parts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda index: parts[index] - quotas[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def stratified_split(order: Tensor, labels: Labels, count: int, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Shuffled indices (M,) into labels (N,) -> the first of each class, `count` in all, and the other M - count indices.

    Both keep the order that they came in, so that the shuffle decides and nothing here draws. Needs 0 <= count <= M. With
    `groups` (N,), whole groups are chosen, by their most frequent class, so that both the number of images and the class mix are met
    as nearly as groups allow: the number to within half the largest group, but neither part is empty where there are two groups
    and 0 < count < M.
    """
    if groups is not None:
        chosen_M = _whole_groups(order, labels, count, groups)
        return order[chosen_M], order[~chosen_M]
    labels_M = labels[order]
    available = torch.bincount(labels_M)
    wanted = torch.tensor(apportion(count, available.tolist()))
    by_class = torch.argsort(labels_M, stable=True)
    class_starts = available.cumsum(0) - available
    rank_in_class = torch.empty_like(order)
    rank_in_class[by_class] = torch.arange(len(order)) - class_starts[labels_M[by_class]]
    chosen = rank_in_class < wanted[labels_M]
    return order[chosen], order[~chosen]


def _whole_groups(order: Tensor, labels: Labels, count: int, groups: Tensor) -> Tensor:
    """As `stratified_split` -> which of the indices are chosen (M,); the groups of a class go in the order of their first image."""
    if not len(order):
        return torch.zeros(0, dtype=torch.bool)
    found = groups_in_order(groups[order], labels[order])
    in_class = torch.argsort(found.labels, stable=True)
    ends = found.sizes[in_class].cumsum(0)
    middles = (ends - found.sizes[in_class] / 2).numpy()
    stops = torch.bincount(found.labels).cumsum(0).tolist()  # of each class, in groups
    held = torch.bincount(found.labels, weights=found.sizes).long().tolist()
    chosen_U = torch.zeros(len(ends), dtype=torch.bool)
    owed = start = images = 0  # `owed`: what one class gave too little, the next gives more
    for stop, size, wanted in zip(stops, held, apportion(count, held), strict=True):
        taken = int(np.searchsorted(middles[start:stop], images + wanted + owed))  # groups whose middle lies before the quota
        chosen_U[in_class[start : start + taken]] = True
        owed += wanted - (int(ends[start + taken - 1]) - images if taken else 0)
        start, images = stop, images + size
    if len(chosen_U) > 1 and 0 < count < len(order) and bool(chosen_U.all()) == bool(chosen_U.any()):
        smallest = int(found.sizes.argmin())
        chosen_U[smallest] = ~chosen_U[smallest]
    return chosen_U[found.of_image]
