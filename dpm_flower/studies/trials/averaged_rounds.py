"""Federated averaging in one process: each round's start, and what the last one came to."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.federation.averaging_start import DECIDER, start_of
from dpm_flower.federation.opening import changed
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.averaging import average_locally
from dpm_flower.regime.round import FIRST_ROUND, Round
from dpm_flower.regime.task import EntityTask


def rounds(tasks: Sequence[EntityTask], nets: PublicNets, arm: AveragingArm, done: int) -> Mapping[str, Tensor]:
    """Entities, the public networks, an averaging arm, and how many of its rounds are done -> the average then; 0: where it starts."""
    state = start_of(tasks[0].study, tasks[0].seed, arm, nets.tensors())
    for number in range(FIRST_ROUND, FIRST_ROUND + done):
        at = Round(number, arm.rounds)
        state = averaged([average_locally(task, nets, arm, state, arm.proximal_mu, at) for task in tasks])
    return state


def averaged(updates: Sequence[ModelUpdate]) -> dict[str, Tensor]:
    """Updates of the same tensors -> their means, weighted by images; whole numbers are rounded. Source: arXiv 1602.05629, algorithm 1."""
    total = sum(update.samples for update in updates)
    means = {}
    for name, first in updates[0].tensors.items():
        mean = torch.stack([update.tensors[name].double() * (update.samples / total) for update in updates]).sum(0)
        means[name] = (mean if first.is_floating_point() else mean.round()).to(first.dtype)
    return means


def nets_with(nets: PublicNets, arm: AveragingArm, state: Mapping[str, Tensor]) -> PublicNets:
    """The public networks, an averaging arm and tensors of its part -> a copy of the networks that has these."""
    return changed(nets, state if arm.part == "network" else {f"{DECIDER}{name}": tensor for name, tensor in state.items()})
