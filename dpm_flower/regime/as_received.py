"""What the decider as received makes of the test images: the same for all entities of a simulation, and so computed by one of them."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import MetricError, TrainingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.split_net import Decider, SplitNet
from dpm_flower.metrics.compactness import class_distance_normalised_variance
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.known_digests import KnownDigests
from dpm_flower.training.prediction import Accuracy, accuracy, apply

FOLDER = "as-received"  # in the folder that all entities share
CORRECT, FIGURES = "correct", "figures"

_digest_of = KnownDigests()


@dataclass(frozen=True, slots=True, eq=False)
class DeciderAnswers:
    """How a decider answers the test images, and how compact their classes are in its last activations (None where that is not defined)."""

    accuracy: Accuracy
    compactness: float | None


def answers_of(task: EntityTask, decider: Decider, features_NChw: Tensor) -> DeciderAnswers:
    """A decider and the test images' features -> its answers."""
    activations = apply(decider.trunk, features_NChw, task.compute)
    answers = accuracy(decider.head, activations, task.test.labels, task.compute.in_float32())
    return DeciderAnswers(answers, _compactness(activations, task.test.labels))


def answers_as_received(task: EntityTask, net: SplitNet) -> DeciderAnswers:
    """The public networks -> the answers of their decider to the test images' raw features.

    Where entities have a place in common they are computed once, and read after that: the test images are the same for all, and
    each entity asks about them when it adopts the networks and for each of its releases. Raises TrainingError for a file that is damaged.
    """
    if task.common is None:
        return answers_of(task, net.decider, task.features(net)(task.test.images))
    identity = (net.digest(), _digest_of(task.test.images), _digest_of(task.test.labels), str(task.compute), str(torch.get_num_threads()))
    path = task.common / FOLDER / f"{_short(identity)}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent, wait_s=math.inf):  # entities ask at the same time
        if not path.exists():
            _write(path, answers_of(task, net.decider, task.features(net)(task.test.images)))
    return _read(path)


def _short(identity: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:32]


def _write(path: Path, answers: DeciderAnswers) -> None:
    figures = {"top1": answers.accuracy.top1, "top5": answers.accuracy.top5, "compactness": answers.compactness}
    write_tensors(path, {CORRECT: answers.accuracy.correct}, {FIGURES: json.dumps(figures)})


def _read(path: Path) -> DeciderAnswers:
    try:
        with safe_open(path, framework="pt") as file:
            correct, figures = file.get_tensor(CORRECT), json.loads(file.metadata()[FIGURES])
        return DeciderAnswers(Accuracy(correct, figures["top1"], figures["top5"]), figures["compactness"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as err:
        raise TrainingError(f"the kept answers {path} to the test images are damaged: {err}; remove them") from err


def _compactness(activations: Tensor, labels: Labels) -> float | None:
    """A decider that gives two classes the same mean activation has no figure, and is evaluated all the same."""
    try:
        return class_distance_normalised_variance(activations, labels)
    except MetricError:
        return None
