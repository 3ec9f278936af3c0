"""Online fine-tuning of a detector: each day's images are learnt from and go; nothing holds on to what was learnt before."""

from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.nets.detector_split import Target
from dpm_flower.training.continual.detection.learner import DAILY, BoxedBeginning, learn
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.detection import BoxedExamples, detections


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineDetector:
    """The whole detector is trained on the day's images alone, flipped at random. Raises SettingError for a patience."""

    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("a day is learnt from")

    def start(self, beginning: BoxedBeginning) -> "OnlineDetectorLearner":
        """A copy of the warmed-up detector, to be trained on."""
        return OnlineDetectorLearner(self, beginning, beginning.whole_detector())


@dataclass(slots=True, eq=False)
class OnlineDetectorLearner:
    """The detector as the last day left it."""

    knobs: OnlineDetector
    beginning: BoxedBeginning
    network: nn.Module

    def warmed(self, boxed: Boxed) -> None:
        """The images of the warm-up go as they came."""

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes -> the detector has learnt from them."""
        learn(self.network, BoxedExamples.of(boxed), self.knobs.fitting, self.beginning, augment=flipped)

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> detections."""
        return detections(self.network, as_floats(images), self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """Nothing."""
        return Kept(0)
