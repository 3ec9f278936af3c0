"""The boosted ensemble of detectors: every day leaves a decider that has learnt what the others missed, and is frozen from then on."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.metrics.box_precision import box_precision
from dpm_flower.nets.detector_split import DetectionDecider, Target
from dpm_flower.training.continual.detection.box_fusion import OVERLAP, fused
from dpm_flower.training.continual.detection.learner import DAILY, BoxedBeginning, learn
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.detection import BoxedExamples, detections

LEAST_MISSED = 0.05  # of an image in which everything is found: it is drawn now and then, and where all is found, all count alike


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedDetectors:
    """Members are deciders behind the warmed-up featurizer, which they share: the first is the warmed-up one, as which all others begin.

    A day's images are drawn, as many as there are, by how much the ensemble misses in each, and the new member learns from these.
    A share `held_out` of them is kept from it: what it counts, times the mean of the others, is that of `weights` by which the ensemble
    finds most there (mean average precision at an overlap of a half; of equals the nearest to 1). Members are combined by weighted
    boxes fusion, at an `overlap`. Raises SettingError for knobs that cannot work.
    """

    held_out: float = 0.25
    weights: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    overlap: float = OVERLAP
    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("a day is learnt from")
        if not 0 < self.held_out < 1 or not 0 < self.overlap < 1:
            raise SettingError(f"wanted held_out and overlap in (0, 1), got {self.held_out} and {self.overlap}")
        if not self.weights or not all(weight > 0 for weight in self.weights):
            raise SettingError(f"wanted at least one weight, each above 0, got {self.weights}")

    def start(self, beginning: BoxedBeginning) -> "BoostedDetectorsLearner":
        """The warmed-up decider as the only member."""
        first = copy.deepcopy(beginning.nets.decider).requires_grad_(False).eval()
        return BoostedDetectorsLearner(self, beginning, [first], [1.0])


@dataclass(slots=True, eq=False)
class BoostedDetectorsLearner:
    """The members, frozen, and how much each counts."""

    knobs: BoostedDetectors
    beginning: BoxedBeginning
    members: list[DetectionDecider]
    weights: list[float]

    def warmed(self, boxed: Boxed) -> None:
        """The images of the warm-up go as they came: the first member has learnt from them."""

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes -> one member more, and how much it counts."""
        features, rng = self.beginning.raw(boxed.images), self.beginning.rng
        order = torch.randperm(len(boxed), generator=rng)
        held_out = max(1, round(self.knobs.held_out * len(order)))
        apart, learnt = order[:held_out], order[held_out:]
        chances = missed(self._fused(self._said(features[learnt]), self.weights), boxed.take(learnt))
        drawn = learnt[torch.multinomial(chances, len(learnt), replacement=True, generator=rng)]
        member = copy.deepcopy(self.beginning.nets.decider).requires_grad_(True)
        learn(member, BoxedExamples.of(boxed.take(drawn), features[drawn]), self.knobs.fitting, self.beginning)
        self.members.append(member.requires_grad_(False).eval())
        self.weights.append(self._weight(features[apart], boxed.take(apart)))

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> the ensemble's detections."""
        return self._fused(self._said(self.beginning.raw(images)), self.weights)

    @property
    def kept(self) -> Kept:
        """All members but one."""
        return Kept(sum(tensor.nbytes for member in self.members[1:] for tensor in member.state_dict().values()))

    def _said(self, features: Tensor) -> list[list[Target]]:
        """Features (N,C,h,w) -> by member what it says of each image."""
        return [detections(member, features, self.beginning.compute) for member in self.members]

    def _fused(self, said: Sequence[Sequence[Target]], weights: Sequence[float]) -> list[Target]:
        return [fused(of_image, weights, self.knobs.overlap) for of_image in zip(*said, strict=True)]

    def _weight(self, features: Tensor, boxed: Boxed) -> float:
        """Of the newest member, which has none yet, by images that it has not seen."""
        usual = sum(self.weights) / len(self.weights)
        choices = sorted(self.knobs.weights, key=lambda each: abs(math.log(each)))
        if not any(len(labels) for labels in boxed.labels):  # nothing to find: nothing says what it is worth
            return usual * choices[0]
        said = self._said(features)
        found = [box_precision(self._fused(said, [*self.weights, usual * each]), boxed).map50 for each in choices]
        return usual * choices[found.index(max(found))]


def missed(found: Sequence[Target], truth: Boxed) -> Tensor:
    """What is said of images, and what is in them -> how much is missed in each (N,): 1 less its own mean average precision, at a half.

    LEAST_MISSED and no less, which is also that of an image without boxes.
    """
    shares = []
    for place, (said, labels) in enumerate(zip(found, truth.labels, strict=True)):
        precise = box_precision([said], truth.take(torch.tensor([place]))).map50 if len(labels) else 1.0
        shares.append(max(1 - precise, LEAST_MISSED))
    return torch.tensor(shares)
