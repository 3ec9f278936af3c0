"""Keeping all images with their boxes: the upper bound, which nobody may use whose images have to go."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.core.shared import SharedImages
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.nets.detector_split import Target
from dpm_flower.training.continual.detection.learner import DAILY, BoxedBeginning, boxes_bytes, learn
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.detection import BoxedExamples, detections


@dataclass(frozen=True, slots=True, kw_only=True)
class AllBoxedImages:
    """The whole detector is trained every day on all images that ever came, for as many steps as if they were one day's.

    Raises SettingError for a patience.
    """

    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("a day is learnt from")

    def start(self, beginning: BoxedBeginning) -> "AllBoxedImagesLearner":
        """A copy of the warmed-up detector, and no images yet."""
        return AllBoxedImagesLearner(self, beginning, beginning.whole_detector())


@dataclass(slots=True, eq=False)
class AllBoxedImagesLearner:
    """The detector as the last day left it, and all images, as bytes."""

    knobs: AllBoxedImages
    beginning: BoxedBeginning
    network: nn.Module
    _came: list[Boxed] = field(default_factory=list)

    def warmed(self, boxed: Boxed) -> None:
        """The images of the warm-up stay, with their boxes."""
        self._came.append(replace(boxed, images=as_bytes(boxed.images).clone()))

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes -> the detector has learnt from them and from all before; they stay."""
        self.warmed(boxed)
        learn(self.network, BoxedExamples.of(joined(self._came)), self.knobs.fitting, self.beginning, augment=flipped)

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> detections."""
        return detections(self.network, as_floats(images), self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """All images."""
        if not self._came:
            return Kept(0)
        everything = joined(self._came)
        shared = SharedImages(everything.images, torch.zeros(len(everything), dtype=torch.int64))
        return Kept(everything.images.nbytes + boxes_bytes(everything), shared, torch.arange(len(everything)))
