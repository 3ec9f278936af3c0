"""Evaluation of what an arm came to: held-out raw images of the task, the same for all methods."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.errors import TrainingError
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.features import FeatureCache
from dpm_flower.training.prediction import top1


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Share of held-out test images answered rightly, which (M,) bool, and the same share of own validation images."""

    top1: float
    correct: Tensor
    validation_top1: float


def evaluate_decider(task: EntityTask, net: PublicNets, state: Mapping[str, Tensor]) -> Evaluation:
    """A decider's weights -> its quality behind the public featurizer."""
    decider = copy.deepcopy(net.decider)  # the public one is everybody's
    try:
        decider.load_state_dict(dict(state))
    except RuntimeError as err:
        raise TrainingError(f"wanted the weights of this study's decider, got others: {err}") from err
    with task.threads():
        features = FeatureCache(net.featurizer, task.compute, task.site.features)
        share, correct = top1(decider, features(task.test.images), task.test.labels, task.compute)
        validation, _ = top1(decider, features(task.validation.images), task.validation.labels, task.compute)
    return Evaluation(share, correct, validation)


def evaluate_network(task: EntityTask, nets: PublicNets) -> Evaluation:
    """A whole network -> its quality on raw images."""
    network = nets.whole_network()
    with task.threads():
        share, correct = top1(network, task.test.images, task.test.labels, task.compute)
        validation, _ = top1(network, task.validation.images, task.validation.labels, task.compute)
    return Evaluation(share, correct, validation)
