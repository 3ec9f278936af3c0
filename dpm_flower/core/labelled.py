"""Labelled images, and the one check that they are images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, ShapeError

Labels: TypeAlias = Tensor  # (N,) int64 class numbers

BRIGHTEST = 255.0  # the byte that stands for 1.0
UNKNOWN = 255  # of an attribute: nobody knows whether the image has it


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Images (N,C,H,W), uint8 or float32 in [0, 1], with their class numbers (N,), int64 in [0, classes).

    A byte b stands for b / 255: data sets come as bytes, a quarter of the memory, and `Compute.place` makes floats of a batch.
    `attributes` (N,A), uint8, say what is known of the images beside their classes: 1 has it, 0 has it not, 255 unknown. They are
    never shared; None where nobody asked for any. Raises ShapeError for other ranks or lengths, DataError for values that are no
    images or attributes and for labels outside the range.
    """

    images: Tensor
    labels: Labels
    classes: int
    attributes: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise ShapeError(f"images must be (N,C,H,W), got {tuple(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1]:
            raise ShapeError(f"wanted one label per image, got {len(self.images)} images and labels {tuple(self.labels.shape)}")
        if self.images.dtype not in (torch.uint8, torch.float32) or self.labels.dtype != torch.int64:
            raise DataError(f"wanted uint8 or float32 images and int64 labels, got {self.images.dtype} and {self.labels.dtype}")
        if self.attributes is not None:
            _check_attributes(self.attributes, len(self))
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
        return Labelled(self.images[indices], self.labels[indices], self.classes, self.attributes_at(indices))

    def attributes_at(self, indices: Tensor) -> Tensor | None:
        """The attributes of the images at `indices` (M,) -> (M,A); None where there are none."""
        return None if self.attributes is None else self.attributes[indices]


def as_floats(images: Tensor) -> Tensor:
    """Images as bytes or floats -> floats in [0,1]; floats are given back as they are."""
    return images if images.is_floating_point() else images.float().div_(BRIGHTEST)


def as_bytes(images: Tensor) -> Tensor:
    """Images as bytes or as floats in [0,1] -> uint8, each float rounded to the nearest of 256 levels; bytes are given back as they are."""
    return (images.float() * BRIGHTEST).round_().to(torch.uint8) if images.is_floating_point() else images


def joined_images(sets: Sequence[Tensor]) -> Tensor:
    """Several (N_i,C,H,W), bytes or floats -> one (N,C,H,W): bytes where all are; torch's own `cat` would take a byte b for b / 1."""
    return torch.cat(list(sets) if len({images.dtype for images in sets}) == 1 else [as_floats(images) for images in sets])


def joined_attributes(sets: Sequence[Labelled]) -> Tensor | None:
    """Several sets -> the attributes of all their images (N,A), unknown for sets without; None where no set has any."""
    count = next((each.attributes.shape[1] for each in sets if each.attributes is not None), 0)
    if not count:
        return None
    unknown = [torch.full((len(each), count), UNKNOWN, dtype=torch.uint8) for each in sets]
    return torch.cat([filler if each.attributes is None else each.attributes for filler, each in zip(unknown, sets, strict=True)])


def _check_attributes(attributes: Tensor, images: int) -> None:
    """Raises ShapeError unless they are (N,A) of at least one attribute for N images, DataError for other values than 0, 1 and 255."""
    if attributes.ndim != 2 or len(attributes) != images or not attributes.shape[1]:
        raise ShapeError(f"wanted attributes (N,A) of {images} images, got {tuple(attributes.shape)}")
    if attributes.dtype != torch.uint8:
        raise DataError(f"wanted uint8 attributes, got {attributes.dtype}")
    strange = attributes[(attributes > 1) & (attributes != UNKNOWN)]
    if len(strange):
        raise DataError(f"attributes are 0, 1 or {UNKNOWN} (unknown), got {sorted(set(strange.tolist()))}")
