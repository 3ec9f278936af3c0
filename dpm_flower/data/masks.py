"""Photographs with masks in one NumPy archive, in two parts that share no picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.errors import DataError, SettingError, ShapeError
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.data.npz_archive import opened_archive
from dpm_flower.data.npz_columns import strings

DARKEST_SEEN = 30  # of 255: a pixel whose brightest channel is below lies outside the camera's field of view
MEMBERS = ("images", "masks", "split", "dataset")
TRAIN, TEST = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """Photographs (N,3,H,W), uint8, masks (N,1,H,W), uint8 of 0 and 1, and which data set each is of (N,), int64.

    Raises ShapeError for other shapes, DataError for other types and values.
    """

    images: Tensor
    masks: Tensor
    source: Tensor

    def __post_init__(self) -> None:
        count, *_, height, width = self.images.shape if self.images.ndim == 4 else (0, 0, 0)
        wanted = ((count, 3, height, width), (count, 1, height, width), (count,))
        if (got := tuple(tuple(each.shape) for each in (self.images, self.masks, self.source))) != wanted or not count:
            raise ShapeError(f"wanted images (N,3,H,W), masks (N,1,H,W) and sources (N,), at least one, got {got}")
        if self.images.dtype != torch.uint8 or self.masks.dtype != torch.uint8 or int(self.masks.max()) > 1:
            raise DataError(f"wanted images and masks of uint8, masks of 0 and 1, got {self.images.dtype} and {self.masks.dtype}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inside(self) -> Tensor:
        """The field of view (N,1,H,W) bool: pixels that are not as black as what no camera saw."""
        return self.images.amax(1, keepdim=True) >= DARKEST_SEEN

    def take(self, rows: Tensor) -> "Masked":
        """The pictures at `rows` (M,) -> a new part of M pictures in that order."""
        return Masked(self.images[rows], self.masks[rows], self.source[rows])

    def resized(self, side: int) -> "Masked":
        """The same as pictures of side x side pixels; a pixel of a mask is 1 where at least half of its area is."""
        if side < 1:
            raise SettingError(f"wanted a side of at least 1 pixel, got {side}")
        if tuple(self.images.shape[2:]) == (side, side):
            return self
        shrunk = functional.interpolate(as_floats(self.images), (side, side), mode="bilinear", antialias=True, align_corners=False)
        area = functional.interpolate(self.masks.float(), (side, side), mode="area")
        return replace(self, images=as_bytes(shrunk.clamp(0.0, 1.0)), masks=(area >= 0.5).to(torch.uint8))

    def patches(self, side: int, seen: float = 0.9) -> "Masked":
        """Square patches that do not overlap, of which at least `seen` lies in the field of view; what is left at the rim is left out.

        Raises SettingError where no patch is left.
        """
        inside = _cut(self.inside.to(torch.uint8), side).float().mean((1, 2, 3)) >= seen
        if not bool(inside.any()):
            raise SettingError(f"wanted patches of {side} pixels that lie in the field of view, got none of {tuple(self.images.shape)}")
        each = self.source.repeat_interleave(len(inside) // len(self))
        return Masked(_cut(self.images, side)[inside], _cut(self.masks, side)[inside], each[inside])


@dataclass(frozen=True, slots=True, eq=False)
class MaskedSets:
    """Training and test pictures, and the names of the data sets that they are of."""

    train: Masked
    test: Masked
    source_names: tuple[str, ...]


def load_masks(path: Path) -> MaskedSets:
    """An archive with `images`, `masks`, `split` and `dataset` -> its training and test pictures.

    `images` are (N,H,W,3) uint8, `masks` (N,H,W) of 0 and 1, `split` (N,) 0 for training and 1 for test, `dataset` (N,) numbers;
    `dataset_names` are read where they are there. Raises DataError, naming the file and the member, for whatever is not so.
    """
    with opened_archive(path) as archive:
        if missing := [name for name in MEMBERS if name not in archive.names]:
            raise DataError(
                f"{path}: wanted the members {', '.join(MEMBERS)}; missing {', '.join(missing)}, got {', '.join(archive.names)}"
            )
        images, masks, split, source = (archive.read(name) for name in MEMBERS)
        names = strings(archive.read("dataset_names")) if "dataset_names" in archive.names else None
    if images.ndim != 4 or images.shape[-1] != 3 or masks.shape != images.shape[:3]:
        raise DataError(f"{path}: wanted images (N,H,W,3) and masks (N,H,W), got {images.shape} and {masks.shape}")
    if split.shape != source.shape or split.shape != images.shape[:1] or set(split.tolist()) != {TRAIN, TEST}:
        raise DataError(f"{path}: wanted split and dataset of every image, with 0 and 1 in split, got {split.shape} and {source.shape}")
    found = names or tuple(str(number) for number in range(int(source.max()) + 1))
    if not 0 <= int(source.min()) <= int(source.max()) < len(found):
        raise DataError(f"{path}: dataset: wanted numbers of {len(found)} data sets, got {int(source.min())} to {int(source.max())}")
    part = _part_of(images, masks, source, path)
    return MaskedSets(part(split == TRAIN), part(split == TEST), tuple(found))


def _part_of(images: NDArray[Any], masks: NDArray[Any], source: NDArray[Any], path: Path) -> Callable[[NDArray[Any]], Masked]:
    def part(rows: NDArray[Any]) -> Masked:
        try:
            return Masked(
                torch.from_numpy(images[rows]).permute(0, 3, 1, 2).contiguous(),
                torch.from_numpy(masks[rows]).unsqueeze(1),
                torch.from_numpy(source[rows].astype("int64")),
            )
        except (DataError, ShapeError, TypeError, ValueError) as err:
            raise DataError(f"{path}: {err}") from err

    return part


def _cut(planes_NCHW: Tensor, side: int) -> Tensor:
    """Pictures (N,C,H,W) -> their patches, picture after picture (n,C,side,side)."""
    rows_NChWs = planes_NCHW.unfold(2, side, side).unfold(3, side, side)
    return rows_NChWs.permute(0, 2, 3, 1, 4, 5).reshape(-1, planes_NCHW.shape[1], side, side).contiguous()
