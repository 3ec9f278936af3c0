"""Keeping all images: the upper bound, which nobody may use whose images have to go."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labels, as_bytes
from dpm_flower.core.shared import SharedImages
from dpm_flower.training.continual.learner import DAILY, Beginning, Kept, learn, whole_network
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class AllImages:
    """The whole network is trained every day on all images that ever came, for as many steps as if it were one day's."""

    fitting: Fitting = DAILY
    augment: Augmentation = "shift-flip"

    def start(self, beginning: Beginning) -> "AllImagesLearner":
        """A copy of the warmed-up network, and no images yet."""
        return AllImagesLearner(self, beginning, whole_network(beginning.net))


@dataclass(slots=True, eq=False)
class AllImagesLearner:
    """The network as the last day left it, and all images, as bytes."""

    knobs: AllImages
    beginning: Beginning
    network: nn.Module
    _images: list[Tensor] = field(default_factory=list)
    _targets: list[Labels] = field(default_factory=list)

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up (N,3,H,W) with class numbers (N,) stay."""
        self._images.append(as_bytes(images).clone())
        self._targets.append(targets.clone())

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the network has learnt from them and from all before; they stay."""
        self.warmed(images, targets)
        everything = Examples(torch.cat(self._images), torch.cat(self._targets))
        learn(self.network, everything, self.knobs.fitting, self.beginning, augment=self.knobs.augment)

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K)."""
        return apply(self.network, images, self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """All images with their class numbers."""
        if not self._images:
            return Kept(0)
        shared = SharedImages(torch.cat(self._images), torch.cat(self._targets))
        return Kept(shared.images.nbytes + shared.labels.nbytes, shared, torch.arange(len(shared.labels)))
