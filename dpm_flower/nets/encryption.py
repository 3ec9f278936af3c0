"""Encrypting images without a key: patches in a random order (RS), or each mixed with itself (MI). Source: arXiv 2306.03679."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.core.labelled import as_floats
from dpm_flower.nets.patches import check_patch, cut, fresh_orders, pasted, rearranged

SUB_PATCHES = 2  # in a row of a patch that is mixed: M = 4 in all, as the source has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffling:
    """RS: the patches of each image in a fresh random order, which nobody keeps. Every patch stays in clear. `patch` in pixels."""

    patch: int

    def __post_init__(self) -> None:
        check_patch(self.patch)

    def __call__(self, images_BCHW: Tensor, rng: torch.Generator) -> Tensor:
        """Images (B,C,H,W), bytes or floats -> the same with their patches shuffled; the orders are drawn from `rng`."""
        patches = cut(images_BCHW, self.patch)
        order = fresh_orders(len(patches), patches.shape[1], rng)
        return pasted(rearranged(patches, order.to(patches.device)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """MI: each patch is replaced by the mean of its four sub-patches, in the old order. `patch` in pixels, an even number.

    What is made is half as large, and enlarged again by repeating pixels, so that whoever reads images of one size can read it.
    `reduced` takes that back, exactly.
    """

    patch: int

    def __post_init__(self) -> None:
        check_patch(self.patch, even=True)

    def __call__(self, images_BCHW: Tensor, rng: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # the other encryption's argument
        """Images (B,C,H,W), bytes or floats -> mixed ones, floats in [0,1], enlarged to (B,C,H,W); nothing is drawn."""
        return enlarged(mixed(as_floats(images_BCHW), self.patch))


Encryption: TypeAlias = Shuffling | Mixing


@runtime_checkable
class EncryptsImages(Protocol):
    """What a sharing method is besides that releases encrypted images: who knows the recipe knows by which encryption."""

    @property
    def encryption(self) -> Encryption:
        """How each image is encrypted by itself."""
        ...


def mixed(images_BCHW: Tensor, patch: int) -> Tensor:
    """Images (B,C,H,W), floats -> each patch's mean over its four sub-patches, in the old order (B,C,H/2,W/2)."""
    batch, channels = images_BCHW.shape[:2]
    patches = cut(images_BCHW, patch)
    half = patch // SUB_PATCHES
    quarters = patches.reshape(batch, -1, channels, SUB_PATCHES, half, SUB_PATCHES, half)
    return pasted(quarters.mean(dim=(3, 5)))


def enlarged(images_BCHW: Tensor) -> Tensor:
    """Images (B,C,h,w) -> twice the size, each pixel repeated (B,C,2h,2w)."""
    return images_BCHW.repeat_interleave(SUB_PATCHES, 2).repeat_interleave(SUB_PATCHES, 3)


def reduced(images_BCHW: Tensor) -> Tensor:
    """What `enlarged` gave -> what it was given."""
    return images_BCHW[..., ::SUB_PATCHES, ::SUB_PATCHES]
