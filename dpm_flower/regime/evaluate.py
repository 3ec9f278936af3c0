"""Evaluation of what an arm came to: held-out raw images of the task, the same for all methods."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.split_net import Decider
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.as_received import DeciderAnswers, answers_as_received, answers_of
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.prediction import Accuracy, accuracy


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
        test = answers_of(task, decider, features(task.test.images))
        validation = accuracy(decider, features(task.validation.images), task.validation.labels, task.compute)
    return _evaluation(test, validation)


def evaluate_as_received(task: EntityTask, net: PublicNets) -> Evaluation:
    """The public networks -> the quality of their decider before anybody refines it."""
    with task.threads():
        validation = accuracy(net.decider, task.features(net)(task.validation.images), task.validation.labels, task.compute)
        return _evaluation(answers_as_received(task, net), validation)


def evaluate_network(task: EntityTask, nets: PublicNets) -> Evaluation:
    """A whole network -> its quality on raw images."""
    network = nets.whole_network()
    with task.threads():
        test = answers_of(task, Decider(nn.Sequential(nets.featurizer, nets.decider.trunk), nets.decider.head), task.test.images)
        validation = accuracy(network, task.validation.images, task.validation.labels, task.compute)
    return _evaluation(test, validation)


def _evaluation(test: DeciderAnswers, validation: Accuracy) -> Evaluation:
    answers = test.accuracy
    return Evaluation(answers.top1, answers.correct, validation.top1, test.compactness, answers.top5, validation.top5)
