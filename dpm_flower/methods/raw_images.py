"""Sharing the images themselves: the upper bound that nobody may use."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedImages


@dataclass(frozen=True, slots=True)
class RawImages:
    """Images leave the house as they are."""

    name: str = "raw-images"

    def prepare(self, preparation: Preparation) -> "RawImagesSharer":  # noqa: ARG002  # the contract's argument
        """Nothing has to be fitted."""
        return RawImagesSharer()


@dataclass(frozen=True, slots=True)
class RawImagesSharer:
    """Images (B,3,H,W) -> the same images."""

    def share(self, images: Tensor, labels: Labels) -> SharedImages:
        """Images (B,3,H,W) with labels (B,) -> the same."""
        return SharedImages(images, labels)
