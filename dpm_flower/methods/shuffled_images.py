"""Sharing images whose patches are shuffled, with a fresh order for each and no key. Source: arXiv 2306.03679, RS."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedImages
from dpm_flower.nets.encryption import Shuffling
from dpm_flower.nets.patches import check_patch, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledImages:
    """Images leave the house with their patches, of `patch` pixels, in a fresh random order for each, which no receiver needs.

    The orders are drawn from the entity's stream: who keeps its secret, or in a simulation anybody, can draw them again.

    All entities' shuffled images lie in one space, so that they pool without a common key. Every patch is in clear.
    """

    patch: int = 16
    name: str = "shuffled-images"

    def __post_init__(self) -> None:
        check_patch(self.patch)

    @property
    def encryption(self) -> Shuffling:
        """How each image is encrypted by itself."""
        return Shuffling(patch=self.patch)

    def prepare(self, preparation: Preparation) -> "ShuffledImagesSharer":
        """Nothing has to be fitted. Raises SettingError for images that the patches do not fill."""
        columns_of(preparation.private.images.shape[-1], self.patch)
        return ShuffledImagesSharer(self.encryption, preparation.rng)


@dataclass(frozen=True, slots=True, eq=False)
class ShuffledImagesSharer:
    """Holds the secret: the generator that the orders come from."""

    shuffling: Shuffling
    rng: torch.Generator

    def share(self, images: Tensor, labels: Labels) -> SharedImages:
        """Images (B,3,H,W) with labels (B,) -> shuffled ones with the same labels; the orders are drawn anew every time."""
        return SharedImages(self.shuffling(images, self.rng), labels)
