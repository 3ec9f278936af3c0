"""Sharing images of which each patch is mixed with itself: the mean of its four sub-patches. Source: arXiv 2306.03679, MI."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedImages
from dpm_flower.nets.encryption import Mixing
from dpm_flower.nets.patches import check_patch, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedImages:
    """Images leave the house with each patch, of `patch` pixels, replaced by the mean of its four quarters.

    What is left is half as large; the sharer enlarges it to the study's side by repeating pixels, so that receivers and attackers
    read it as they read any image. There is no key and nothing random: all entities' mixed images lie in one space.
    """

    patch: int = 16
    name: str = "mixed-images"

    def __post_init__(self) -> None:
        check_patch(self.patch, even=True)

    @property
    def encryption(self) -> Mixing:
        """How each image is encrypted by itself."""
        return Mixing(patch=self.patch)

    def prepare(self, preparation: Preparation) -> "MixedImagesSharer":
        """Nothing has to be fitted. Raises SettingError for images that the patches do not fill."""
        columns_of(preparation.private.images.shape[-1], self.patch)
        return MixedImagesSharer(self.encryption)


@dataclass(frozen=True, slots=True, eq=False)
class MixedImagesSharer:
    """Holds no secret: whoever has an image can mix it."""

    mixing: Mixing

    def share(self, images: Tensor, labels: Labels) -> SharedImages:
        """Images (B,3,H,W) with labels (B,) -> mixed ones, floats (B,3,H,W), with the same labels."""
        return SharedImages(self.mixing(images), labels)
