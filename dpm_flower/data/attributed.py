"""Images with yes-or-no attributes, all of them the task's: from one archive, or from CelebA in the files of its publishers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CelebA

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.data.npz_archive import Archive, opened_archive
from dpm_flower.data.npz_columns import strings
from dpm_flower.data.picture_files import images_from_files
from dpm_flower.data.pixels import BytesNCHW, image_pieces
from dpm_flower.data.source_name import NPZ, SourceName
from dpm_flower.data.sources import SMALLEST_SIDE
from dpm_flower.data.torchvision_files import torchvision_files
from dpm_flower.data.undecoded import Part

CELEBA = "celeba"
IMAGES, ATTRIBUTES, NAMES = "x", "attr", "attr_names"  # the archive's members, the first two by part


@dataclass(frozen=True, slots=True, eq=False)
class Attributed:
    """Images (N,3,side,side), uint8, and which of the A named attributes each has, (N,A) uint8: 1 has it, 0 has it not.

    Raises ShapeError for other ranks or lengths, DataError for other values, no attribute, and names that occur twice.
    """

    images: Tensor
    attributes: Tensor
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        shape, count = tuple(self.images.shape), len(self.names)
        if len(shape) != 4 or shape[1:] != (3, shape[3], shape[3]) or self.images.dtype != torch.uint8:
            raise ShapeError(f"wanted uint8 images (N,3,side,side), got {self.images.dtype} {shape}")
        if tuple(self.attributes.shape) != (shape[0], count):
            raise ShapeError(f"wanted attributes ({shape[0]},{count}), by image and name, got {tuple(self.attributes.shape)}")
        if not count or len(set(self.names)) != count:
            raise DataError(f"wanted at least one attribute, each name once, got {', '.join(self.names) or 'none'}")
        if self.attributes.dtype != torch.uint8 or bool((self.attributes > 1).any()):
            raise DataError(
                f"wanted uint8 attributes of 0 and 1, got {self.attributes.dtype} {sorted(set(self.attributes.flatten().tolist()))}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Tensor) -> "Attributed":
        """The images at `indices` (M,) -> a new set of M images in that order."""
        return Attributed(self.images[indices], self.attributes[indices], self.names)


@dataclass(frozen=True, slots=True, eq=False)
class AttributedSet:
    """Training and test images with the same attributes."""

    train: Attributed
    test: Attributed


def attributed(data: str, side: int) -> AttributedSet:
    """A path to an .npz or "celeba:FOLDER", perhaps with "?download", and the side wanted -> training and test images, all attributes.

    An archive has x_train, x_test, as data/npz_file.py reads them, attr_train, attr_test (N,A) of 0 and 1, and attr_names (A,). Of
    CelebA the publishers' parts are taken, the valid part among the training images. Raises DataError for another source, for options
    that choose attributes, for a side too small for SSIM, and for whatever is wrong with the files.
    """
    if side < SMALLEST_SIDE:
        raise DataError(f"wanted images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, the window of SSIM, got a side of {side}")
    source = SourceName.parse(data)
    if source.label or source.attributes or source.public:
        raise DataError(f"wanted a source without options that choose attributes, since all are taken, or public images, got {data!r}")
    if source.kind == NPZ:
        return _from_archive(source.path, side)
    if source.kind == CELEBA:
        return celeba_attributed(CelebA, source.path, side, download=source.download)
    raise DataError(f'wanted images with attributes, an .npz archive or "{CELEBA}:FOLDER", got {data!r}')


def celeba_attributed(kind: Any, root: Path, side: int, *, download: bool = False) -> AttributedSet:
    """torchvision's CelebA and its root folder -> its images with all 40 attributes. Raises DataError for missing and altered files."""
    splits = ("train", "valid", "test")
    parts = {part: torchvision_files(kind, CELEBA, root, download=download, split=part, target_type="attr") for part in splits}
    folder = root / kind.base_folder / "img_align_celeba"
    names = tuple(str(name) for name in parts["train"].attr_names if name)

    def joined(*chosen: str) -> Attributed:
        paths = [str(folder / name) for part in chosen for name in parts[part].filename]
        attributes = torch.cat([parts[part].attr for part in chosen]).to(torch.uint8)
        return Attributed(_decoded(partial(images_from_files, paths, side), len(paths), side), attributes, names)

    return AttributedSet(joined("train", "valid"), joined("test"))


def _from_archive(path: Path, side: int) -> AttributedSet:
    wanted = [*(f"{what}_{part}" for part in ("train", "test") for what in (IMAGES, ATTRIBUTES)), NAMES]
    with opened_archive(path) as archive:
        if missing := [name for name in wanted if name not in archive.names]:
            got = ", ".join(archive.names)
            raise DataError(f"{path}: wanted the members {', '.join(wanted)}; missing {', '.join(missing)}, got {got}")
        names = strings(archive.read(NAMES))
        if not names:
            raise DataError(f"{path}: {NAMES}: wanted strings (A,), got {archive.shape(NAMES)} of something else")
        train, test = (_part(archive, part, names, side) for part in ("train", "test"))
    return AttributedSet(train, test)


def _part(archive: Archive, part: str, names: Sequence[str], side: int) -> Attributed:
    pixels, values = archive.read(f"{IMAGES}_{part}"), archive.read(f"{ATTRIBUTES}_{part}")
    where = f"{archive.path}: {ATTRIBUTES}_{part}"
    count = len(np.atleast_1d(pixels))
    if values.shape != (count, len(names)) or not (values.dtype == np.bool_ or np.issubdtype(values.dtype, np.integer)):
        raise DataError(f"{where}: wanted whole numbers ({count},{len(names)}), by image and name, got {values.dtype} {values.shape}")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 1:
        raise DataError(f"{where}: wanted 0 and 1, got values from {values.min()} to {values.max()}")
    images = _decoded(partial(image_pieces, pixels, side, f"{archive.path}: {IMAGES}_{part}"), count, side)
    return Attributed(images, torch.from_numpy(values.astype(np.uint8)), tuple(names))


def _decoded(pieces: Callable[[], Iterator[BytesNCHW]], count: int, side: int) -> Tensor:
    """What yields images piece by piece, as data sets with classes have it -> all in memory, once."""
    return Part(torch.zeros(count, dtype=torch.int64), pieces).decoded(side, 1).images
