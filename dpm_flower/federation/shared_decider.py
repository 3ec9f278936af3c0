"""Averaging decider updates into one shared decider: ordered, weighted, and bounded in weight and length."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST_UPDATE = 3.0  # times the median length: an honest entity with other data stays below, a boosted update does not
STATISTICS = ("running_mean", "running_var")  # of batch norms: in units of activations, so that their lengths say nothing of weights'


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """The averaged tensors, and (entity, what became of its update) where it does not count, or not in full."""

    tensors: Mapping[str, Tensor]
    remarks: tuple[tuple[str, str], ...]


def averaged(
    before: Mapping[str, Tensor], updates: Mapping[str, tuple[Mapping[str, Tensor], int]], most: Mapping[str, int] | None = None
) -> Average:
    """A decider's tensors and each entity's (tensors after its round, samples) -> their mean, weighted by samples.

    Sums run in float64 in the order of the entities' names, so that the order of replies changes nothing. An update that does
    not fit or is not finite is left out. `most` are the samples by which an entity's update can weigh at most, whatever it claims
    (nothing holds back one that is not named). Weights that moved further than three times the median are brought back to that,
    and so, on their own, are batch-norm statistics; whole numbers have no length. Source: FedAvg (McMahan et al., 2017); norm
    bounding as in Sun et al., 2019 (arXiv 1911.07963).
    """
    remarks: list[tuple[str, str]] = []
    changes: dict[str, dict[str, Tensor]] = {}
    weights: dict[str, int] = {}
    for entity in sorted(updates):
        tensors, samples = updates[entity]
        if (flaw := _flaw(before, tensors, samples)) is not None:
            remarks.append((entity, f"was left out: {flaw}"))
            continue
        changes[entity] = {name: tensors[name].double() - before[name].double() for name in before}
        weights[entity] = min(samples, (most or {}).get(entity, samples))
        if weights[entity] < samples:
            remarks.append((entity, f"claimed {samples} samples and weighs {weights[entity]}"))
    mean = {name: tensor.double() for name, tensor in before.items()}
    scales = _scales(before, changes)
    remarks += [(entity, f"was shortened to three times the median {what}") for entity, what in sorted(_shortened(scales))]
    total = sum(weights.values())
    for entity, change in changes.items():
        for name in before:
            mean[name] = mean[name] + change[name] * (scales[_kind(name)][entity] * weights[entity] / total)
    return Average({name: _as(before[name], value) for name, value in mean.items()} if changes else before, tuple(remarks))


def _kind(name: str) -> str:
    return "length of statistics" if name.endswith(STATISTICS) else "length"


def _scales(before: Mapping[str, Tensor], changes: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, float]]:
    """By kind of tensor and entity, what a change is multiplied by: at most 1."""
    scales: dict[str, dict[str, float]] = {}
    for kind in {_kind(name): None for name in before}:
        names = sorted(name for name in before if _kind(name) == kind and before[name].is_floating_point())
        lengths = {entity: _length([change[name] for name in names]) for entity, change in changes.items()}
        bound = LONGEST_UPDATE * float(torch.tensor(sorted(lengths.values()), dtype=torch.float64).quantile(0.5)) if lengths else 0.0
        scales[kind] = {entity: min(1.0, bound / length) if length > 0 else 1.0 for entity, length in lengths.items()}
    return scales


def _shortened(scales: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    return [(entity, kind) for kind, by_entity in scales.items() for entity, scale in by_entity.items() if scale < 1.0]


def _flaw(before: Mapping[str, Tensor], tensors: Mapping[str, Tensor], samples: int) -> str | None:
    if samples < 1:
        return f"it stands for {samples} samples"
    if set(tensors) != set(before):
        return "its tensors have other names than the decider's"
    for name, tensor in before.items():
        given = tensors[name]
        if (given.dtype, given.shape) != (tensor.dtype, tensor.shape):
            return f"wanted {name} of {tensor.dtype} {tuple(tensor.shape)}, got {given.dtype} {tuple(given.shape)}"
        if not bool(torch.isfinite(given).all()):
            return f"{name} is not finite"
        if name.endswith("running_var") and bool((given < 0).any()):
            return f"{name} holds variances below zero"
    return None


def _length(changes: list[Tensor]) -> float:
    """The Euclidean length of several tensors as one vector."""
    return float(torch.stack([change.square().sum() for change in changes]).sum().sqrt()) if changes else 0.0


def _as(like: Tensor, value: Tensor) -> Tensor:
    return value.to(like.dtype) if like.is_floating_point() else value.round().to(like.dtype)
