"""Evaluation of what an arm came to: held-out raw images of the task, the same for all methods."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.core.errors import MetricError, TrainingError
from dpm_flower.core.labelled import Labels
from dpm_flower.metrics.compactness import class_distance_normalised_variance
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.prediction import Accuracy, accuracy, apply


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How a network answers held-out test images and own validation images: shares in [0,1] answered rightly, and which (M,) bool.

    The top-5 shares are None in tasks of five classes or fewer. `compactness` is that of the test images' last activations by
    class, None where it is not defined.
    """

    top1: float
    correct: Tensor
    validation_top1: float
    compactness: float | None
    top5: float | None
    validation_top5: float | None

    @property
    def quality(self) -> dict[str, float]:
        """All figures that there are, by the names that they have in an outcome."""
        names = ("top1", "validation_top1", "top5", "validation_top5", "compactness")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def evaluate_decider(task: EntityTask, net: PublicNets, state: Mapping[str, Tensor]) -> Evaluation:
    """A decider's weights -> its quality behind the public featurizer."""
    decider = copy.deepcopy(net.decider)  # the public one is everybody's
    try:
        decider.load_state_dict(dict(state))
    except RuntimeError as err:
        raise TrainingError(f"wanted the weights of this study's decider, got others: {err}") from err
    with task.threads():
        features = task.features(net)
        activations = apply(decider.trunk, features(task.test.images), task.compute)
        test = accuracy(decider.head, activations, task.test.labels, task.compute.in_float32())
        validation = accuracy(decider, features(task.validation.images), task.validation.labels, task.compute)
    return _evaluation(test, validation, _compactness(activations, task.test.labels))


def evaluate_network(task: EntityTask, nets: PublicNets) -> Evaluation:
    """A whole network -> its quality on raw images."""
    network = nets.whole_network()
    with task.threads():
        activations = apply(nn.Sequential(nets.featurizer, nets.decider.trunk), task.test.images, task.compute)
        test = accuracy(nets.decider.head, activations, task.test.labels, task.compute.in_float32())
        validation = accuracy(network, task.validation.images, task.validation.labels, task.compute)
    return _evaluation(test, validation, _compactness(activations, task.test.labels))


def _evaluation(test: Accuracy, validation: Accuracy, compactness: float | None) -> Evaluation:
    return Evaluation(test.top1, test.correct, validation.top1, compactness, test.top5, validation.top5)


def _compactness(activations: Tensor, labels: Labels) -> float | None:
    """A decider that gives two classes the same mean activation has no figure, and is evaluated all the same."""
    try:
        return class_distance_normalised_variance(activations, labels)
    except MetricError:
        return None
