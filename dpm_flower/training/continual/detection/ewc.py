"""Elastic weight consolidation of a detector: of each day only its Fisher information stays, which holds the weights that were needed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.nets.detector_split import Target
from dpm_flower.training.continual.detection.fisher import detector_information
from dpm_flower.training.continual.detection.learner import DAILY, BoxedBeginning, learn
from dpm_flower.training.continual.detection.pseudo_boxes import PseudoBoxes
from dpm_flower.training.continual.elastic import Held
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.detection import BoxedExamples, detections


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticDetector:
    """As online fine-tuning, with lambda/2 x sum of F (w - w*)^2 in the loss. Source: Kirkpatrick et al. 2017 (arXiv 1612.00796).

    `firmness` is lambda, `decay` what the information of earlier days counts, `bound` makes the penalty Huber's (see ../elastic.py).
    F is estimated from `images` of the day's at random, or all where there are fewer. With `pseudo` the detector as it was before the
    day labels the day's images too, and learns and is held by these boxes as well as by the true ones: what nobody has boxed would
    teach it that there is nothing. Raises SettingError for knobs that cannot work.
    """

    firmness: float
    decay: float = 1.0
    bound: float | None = None
    images: int = 200
    pseudo: PseudoBoxes | None = None
    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("a day is learnt from")
        if not self.firmness > 0 or not 0 <= self.decay <= 1 or not (self.bound is None or self.bound > 0):
            raise SettingError(f"wanted firmness > 0, decay in [0, 1] and a bound > 0 or none, got {self}")
        if self.images < 1:
            raise SettingError(f"wanted at least 1 image to estimate the information from, got {self.images}")

    def start(self, beginning: BoxedBeginning) -> "ElasticDetectorLearner":
        """A copy of the warmed-up detector, which nothing holds yet."""
        return ElasticDetectorLearner(self, beginning, beginning.whole_detector())


@dataclass(slots=True, eq=False)
class ElasticDetectorLearner:
    """The detector as the last day left it, and what holds it there."""

    knobs: ElasticDetector
    beginning: BoxedBeginning
    network: nn.Module
    held: Held | None = None

    def warmed(self, boxed: Boxed) -> None:
        """The images of the warm-up with boxes -> the detector is held by what they need."""
        self._hold(boxed)

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes -> the detector has learnt from them and is held by what they need too."""
        held, knobs = self.held, self.knobs
        taught = boxed if knobs.pseudo is None else knobs.pseudo.added(self.network, boxed, self.beginning.compute)
        penalty = None if held is None else lambda: held.penalty(self.network, knobs.firmness, knobs.bound)
        learn(self.network, BoxedExamples.of(taught), knobs.fitting, self.beginning, augment=flipped, penalty=penalty)
        self._hold(taught)

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> detections."""
        return detections(self.network, as_floats(images), self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """Two numbers for each weight."""
        return Kept(0 if self.held is None else self.held.size_bytes)

    def _hold(self, boxed: Boxed) -> None:
        chosen = torch.randperm(len(boxed), generator=self.beginning.rng)[: self.knobs.images]
        found = detector_information(self.network, boxed.take(chosen), self.beginning.compute, self.beginning.rng)
        self.held = Held.at(self.network, found, self.held, self.knobs.decay)
