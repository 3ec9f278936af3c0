"""Averaging decider updates into one shared decider: ordered, weighted, and bounded in norm."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST_UPDATE = 3.0  # times the median length: an honest entity with other data stays below, a boosted update does not


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """The averaged tensors, and in words what was left out or shortened."""

    tensors: Mapping[str, Tensor]
    remarks: tuple[str, ...]


def averaged(before: Mapping[str, Tensor], updates: Mapping[str, tuple[Mapping[str, Tensor], int]]) -> Average:
    """A decider's tensors and each entity's (tensors after its round, samples) -> their mean, weighted by samples.

    Sums run in float64 in the order of the entities' names, so that the order of replies changes nothing. An update that does
    not fit or is not finite is left out; one longer than three times the median (over all but whole numbers) is shortened to that.
    Source: FedAvg (McMahan et al., 2017); norm bounding as in Sun et al., 2019 (arXiv 1911.07963).
    """
    remarks = []
    sound: dict[str, tuple[dict[str, Tensor], int]] = {}
    for entity in sorted(updates):
        tensors, samples = updates[entity]
        if (flaw := _flaw(before, tensors, samples)) is not None:
            remarks.append(f"the update of {entity} was left out: {flaw}")
            continue
        sound[entity] = ({name: tensors[name].double() - before[name].double() for name in before}, samples)
    if not sound:
        return Average(before, tuple(remarks))
    lengths = {entity: _length(before, change) for entity, (change, _) in sound.items()}
    bound = LONGEST_UPDATE * float(torch.tensor(sorted(lengths.values()), dtype=torch.float64).quantile(0.5))
    total = sum(samples for _, samples in sound.values())
    mean = {name: tensor.double() for name, tensor in before.items()}
    for entity, (change, samples) in sound.items():
        scale = min(1.0, bound / lengths[entity]) if lengths[entity] > 0 else 1.0
        if scale < 1.0:
            remarks.append(f"the update of {entity} was shortened to {scale:.2f} of its length, three times the median")
        mean = {name: value + change[name] * (scale * samples / total) for name, value in mean.items()}
    return Average({name: _as(before[name], value) for name, value in mean.items()}, tuple(remarks))


def _flaw(before: Mapping[str, Tensor], tensors: Mapping[str, Tensor], samples: int) -> str | None:
    if samples < 1:
        return f"it stands for {samples} samples"
    if set(tensors) != set(before):
        return "its tensors have other names than the decider's"
    for name, tensor in before.items():
        if tensors[name].shape != tensor.shape:
            return f"wanted {name} of shape {tuple(tensor.shape)}, got {tuple(tensors[name].shape)}"
        if not bool(torch.isfinite(tensors[name]).all()):
            return f"{name} is not finite"
        if name.endswith("running_var") and bool((tensors[name] < 0).any()):
            return f"{name} holds variances below zero"
    return None


def _length(before: Mapping[str, Tensor], change: Mapping[str, Tensor]) -> float:
    """Euclidean length over weights; whole-number counters are none."""
    squares = [change[name].square().sum() for name in sorted(before) if before[name].is_floating_point()]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def _as(like: Tensor, value: Tensor) -> Tensor:
    return value.to(like.dtype) if like.is_floating_point() else value.round().to(like.dtype)
