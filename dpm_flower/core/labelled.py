"""Labelled images, and the one check that they are images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, ShapeError

Labels: TypeAlias = Tensor  # (N,) int64 class numbers

BRIGHTEST = 255.0  # the byte that stands for 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Images (N,C,H,W), uint8 or float32 in [0, 1], with their class numbers (N,), int64 in [0, classes).

    A byte b stands for b / 255: data sets come as bytes, a quarter of the memory, and `Compute.place` makes floats of a batch.
    Raises ShapeError for other ranks or lengths, DataError for values that are no images or labels outside the range.
    """

    images: Tensor
    labels: Labels
    classes: int

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise ShapeError(f"images must be (N,C,H,W), got {tuple(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1]:
            raise ShapeError(f"wanted one label per image, got {len(self.images)} images and labels {tuple(self.labels.shape)}")
        if self.images.dtype not in (torch.uint8, torch.float32) or self.labels.dtype != torch.int64:
            raise DataError(f"wanted uint8 or float32 images and int64 labels, got {self.images.dtype} and {self.labels.dtype}")
        if not len(self):
            return
        if self.images.is_floating_point():
            low, high = float(self.images.min()), float(self.images.max())
            if not (low >= 0.0 and high <= 1.0):  # also false for NaN
                raise DataError(f"pixel values must be finite and lie in [0, 1], got a range from {low} to {high}")
        if int(self.labels.min()) < 0 or int(self.labels.max()) >= self.classes:
            raise DataError(f"labels must lie in [0, {self.classes}), got {int(self.labels.min())} to {int(self.labels.max())}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Tensor) -> "Labelled":
        """The images at `indices` (M,) -> a new set of M images in that order."""
        return Labelled(self.images[indices], self.labels[indices], self.classes)


def as_floats(images: Tensor) -> Tensor:
    """Images as bytes or floats -> floats in [0,1]; floats are given back as they are."""
    return images if images.is_floating_point() else images.float().div_(BRIGHTEST)


def as_bytes(images: Tensor) -> Tensor:
    """Images as bytes or as floats in [0,1] -> uint8, each float rounded to the nearest of 256 levels; bytes are given back as they are."""
    return (images.float() * BRIGHTEST).round_().to(torch.uint8) if images.is_floating_point() else images


def joined_images(sets: Sequence[Tensor]) -> Tensor:
    """Several (N_i,C,H,W), bytes or floats -> one (N,C,H,W): bytes where all are; torch's own `cat` would take a byte b for b / 1."""
    return torch.cat(list(sets) if len({images.dtype for images in sets}) == 1 else [as_floats(images) for images in sets])
