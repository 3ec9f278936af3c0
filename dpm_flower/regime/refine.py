"""Step 3, at every entity: train the own decider on own features and all that the peers released."""

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import fresh_nets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.supervised import Examples, train_classifier

FIRST_ROUND = 1


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Which of how many rounds of averaging, counted from 1."""

    number: int
    of: int


def refine(task: EntityTask, net: PublicNets, arm: SharingArm, examples: Examples) -> float:
    """Own features and received ones -> a refined decider in the own folder, and the seconds taken. Source: Deep Poisoning, step 3."""
    started = time.perf_counter()
    with task.threads():
        decider = copy.deepcopy(net.decider).requires_grad_(True)
        _train(task, decider, examples, task.study.refine, arm.name)
    write_tensors(task.site.decider(task.campaign, arm.name), decider.state_dict())
    return time.perf_counter() - started


def refine_shared(
    task: EntityTask, net: PublicNets, arm: SharingArm, examples: Examples, state: Mapping[str, Tensor], at: Round
) -> ModelUpdate:
    """One round of the shared decider: from its present `state`, the same training as alone, for a share of the steps."""
    with task.threads():
        decider = copy.deepcopy(net.decider).requires_grad_(True)
        decider.load_state_dict(dict(state))
        fitting = round_fitting(task.study.refine, at, len(examples.inputs))
        if fitting is not None:
            _train(task, decider, examples, fitting, f"{arm.name}, round {at.number}")
    return ModelUpdate(decider.state_dict(), len(examples.inputs))


def train_network(task: EntityTask, arm: SharingArm, examples: Examples) -> float:
    """Own images and received ones -> a network trained from scratch, in the own folder, with the pre-training budget; answers seconds."""
    started, study = time.perf_counter(), task.study
    with task.threads():
        nets = fresh_nets(task)
        train_classifier(
            nets.whole_network(),
            examples,
            study.pretrain,
            compute=task.compute,
            rng=task.stream("network", arm.name),
            work="network",
            augment=study.augment,
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, arm.name),
        )
    write_tensors(task.site.decider(task.campaign, arm.name), network_tensors(nets))
    return time.perf_counter() - started


def network_tensors(nets: PublicNets) -> dict[str, Tensor]:
    """The weights of featurizer and decider, without the reconstructor."""
    return {name: tensor for name, tensor in nets.tensors().items() if not name.startswith("reconstructor.")}


def round_fitting(fitting: Fitting, at: Round, images: int) -> Fitting | None:
    """One round's share of the steps on `images` images, and a rate that falls along half a cosine over the rounds.

    The rounds add up to exactly the steps that are taken alone. None: more rounds than steps, and this one has none.
    """
    budget = fitting.steps_for(images)  # max_epochs holds for the rounds together
    steps = budget * at.number // at.of - budget * (at.number - FIRST_ROUND) // at.of
    fall = 0.5 * (1 + math.cos(math.pi * (at.number - FIRST_ROUND) / at.of))
    if not steps:
        return None
    return replace(fitting, steps=steps, learning_rate=fitting.learning_rate * fall, schedule="cosine")


def _train(task: EntityTask, decider: nn.Module, examples: Examples, fitting: Fitting, owner: str) -> None:
    train_classifier(
        decider, examples, fitting, compute=task.compute, rng=task.stream("decider", owner), work="decider", report=task.report
    )
