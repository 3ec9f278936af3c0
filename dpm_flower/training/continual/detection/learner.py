"""What learns over days to find things in images: the contract, what a learner begins with, and how a day is learnt from."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report
from dpm_flower.nets.detection_nets import DetectionNets, WholeDetector
from dpm_flower.nets.detector_split import Target
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.detection import BoxAugment, BoxedExamples, through, train_detector

DAILY = Fitting(steps=60, learning_rate=1e-3, batch_size=4)  # of some thirty images: eight passes


@dataclass(frozen=True, slots=True, eq=False)
class BoxedBeginning:
    """What a learner begins with: frozen networks that were warmed up, where it draws from, and how to compute."""

    nets: DetectionNets
    rng: torch.Generator
    compute: Compute
    report: Report

    def whole_detector(self) -> WholeDetector:
        """A copy of the whole detector, that can be trained."""
        return copy.deepcopy(self.nets.whole_network()).requires_grad_(True)

    def raw(self, images_N3HW: Tensor) -> Tensor:
        """Images -> raw features (N,C,h,w), which are never written anywhere: a cache would keep them longer than images may be kept."""
        return through(self.nets.featurizer, images_N3HW, self.compute)


class BoxedLearner(Protocol):
    """A learner at work. Between two calls it holds nothing of the images but what `kept` says."""

    def warmed(self, boxed: Boxed) -> None:
        """The images with boxes that the networks were warmed up on, before they go: nothing is trained but what hides them."""
        ...

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes: learns from them, and keeps of them what it keeps."""
        ...

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> of each its boxes (M,4), labels (M,) from 1 and scores (M,), the surest first, on the CPU."""
        ...

    @property
    def kept(self) -> Kept:
        """What it keeps overnight. Labels of what is kept say nothing: boxes and what is in them stay beside, and count in bytes."""
        ...


@runtime_checkable
class BoxedLearning(Protocol):
    """A way of learning: a frozen dataclass, whose fields are its knobs."""

    def start(self, beginning: BoxedBeginning) -> BoxedLearner:
        """A learner that nothing has come to yet."""
        ...


def learn(
    network: nn.Module,
    examples: BoxedExamples,
    fitting: Fitting,
    beginning: BoxedBeginning,
    *,
    augment: BoxAugment | None = None,
    penalty: Callable[[], Tensor] | None = None,
) -> None:
    """Trains a whole detector on a day's images, or a decider on features, as `train_detector` does, with what the learner began with."""
    train_detector(
        network,
        examples,
        fitting,
        compute=beginning.compute,
        rng=beginning.rng,
        work="day",
        augment=augment,
        penalty=penalty,
        report=beginning.report,
    )


def boxes_bytes(boxed: Boxed) -> int:
    """Of all boxes, and of what is in them."""
    return sum(each.nbytes for each in (*boxed.boxes, *boxed.labels))
