"""Labelled images, and the one check that they are images."""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, ShapeError

Labels: TypeAlias = Tensor  # (N,) int64 class numbers


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Images (N,C,H,W), float32 in [0, 1], with their class numbers (N,), int64 in [0, classes).

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
        if self.images.dtype != torch.float32 or self.labels.dtype != torch.int64:
            raise DataError(f"wanted float32 images and int64 labels, got {self.images.dtype} and {self.labels.dtype}")
        if not len(self):
            return
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
