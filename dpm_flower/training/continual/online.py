"""Online fine-tuning: each day's images are learnt from and go; nothing holds on to what was learnt before."""

from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labels
from dpm_flower.training.continual.learner import DAILY, Beginning, Kept, learn, whole_network
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineFineTuning:
    """The whole network is trained on the day's images alone, shifted and mirrored as `augment` says."""

    fitting: Fitting = DAILY
    augment: Augmentation = "shift-flip"

    def start(self, beginning: Beginning) -> "OnlineLearner":
        """A copy of the warmed-up network, to be trained on."""
        return OnlineLearner(self, beginning, whole_network(beginning.net))


@dataclass(slots=True, eq=False)
class OnlineLearner:
    """The network as the last day left it."""

    knobs: OnlineFineTuning
    beginning: Beginning
    network: nn.Module

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up go as they came."""

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the network has learnt from them."""
        learn(self.network, Examples(images, targets), self.knobs.fitting, self.beginning, augment=self.knobs.augment)

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K)."""
        return apply(self.network, images, self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """Nothing."""
        return Kept(0)
