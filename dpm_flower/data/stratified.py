"""Choosing a part of labelled images with the class mix of the whole."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels

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


def stratified_split(order: Tensor, labels: Labels, count: int) -> tuple[Tensor, Tensor]:
    """Shuffled indices (M,) into labels (N,) -> the first of each class, `count` in all, and the other M - count indices.

    Both keep the order that they came in, so that the shuffle decides and nothing here draws. Needs 0 <= count <= M.
    """
    labels_M = labels[order]
    available = torch.bincount(labels_M)
    wanted = torch.tensor(apportion(count, available.tolist()))
    by_class = torch.argsort(labels_M, stable=True)
    class_starts = available.cumsum(0) - available
    rank_in_class = torch.empty_like(order)
    rank_in_class[by_class] = torch.arange(len(order)) - class_starts[labels_M[by_class]]
    chosen = rank_in_class < wanted[labels_M]
    return order[chosen], order[~chosen]
