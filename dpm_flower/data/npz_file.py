"""Images and labels in one NumPy archive."""

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled
from dpm_flower.data.class_numbers import check_range, class_numbers
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.pixels import images_from_pixels

REQUIRED = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL = ("x_val", "y_val", "class_names")
# What numpy, zipfile and the decompressors raise for archives that are cut short, altered or of another kind.
UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, SyntaxError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
)


def npz_file(path: Path, side: int) -> DataSet:
    """An archive with `x_train`, `y_train`, `x_test`, `y_test` -> a data set with images (N,3,side,side).

    Images are (N,H,W,3) or grey (N,H,W), uint8 or floats in [0,1]; labels are whole numbers (N,). Optional: `class_names` (K,)
    and `x_val`, `y_val`, which are appended to the training images. Pickled members are refused.
    Raises DataError, naming the file and the member, for whatever is not so.
    """
    members = _read(path)
    parts = {part: _part(members, part, side, path) for part in ("train", "val", "test") if f"x_{part}" in members}
    names = _class_names(members, max(int(labels.max()) for _, labels in parts.values()) + 1, path)
    for part, (_, labels) in parts.items():
        check_range(labels, len(names), f"{path}: y_{part}")
    notes = []
    images, labels = parts["train"]
    if "val" in parts:
        images, labels = (torch.cat(pair) for pair in zip(parts["train"], parts["val"], strict=True))
        notes.append(f"{len(parts['val'][1]):,} validation images of the file were appended to the training images")
    if (height_width := members["x_train"].shape[1:3]) != (side, side):
        notes.append(f"images of {height_width[0]} x {height_width[1]} pixels were resized to {side} x {side}")
    return DataSet(path.stem, Labelled(images, labels, len(names)), Labelled(*parts["test"], len(names)), names, tuple(notes))


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The members that concern us, each decompressed once: an NpzFile decompresses anew at every access."""
    try:
        with path.open("rb") as file:  # numpy would leave a file that it cannot read open
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: wanted an .npz archive, got a single array")
            wanted = [*REQUIRED, *(name for name in OPTIONAL if name in archive)]
            if missing := [name for name in wanted if name not in archive]:
                raise DataError(f"{path}: wanted the members {', '.join(REQUIRED)}; missing {', '.join(missing)}, got {archive.files}")
            if ("x_val" in wanted) != ("y_val" in wanted):
                raise DataError(f"{path}: wanted x_val and y_val or neither, got {', '.join(archive.files)}")
            members = {name: archive[name] for name in wanted}
    except FileNotFoundError as err:
        raise DataError(f"{path}: wanted an .npz archive, got no such file") from err
    except UNREADABLE as err:
        raise DataError(f"{path}: wanted a complete .npz archive without pickled members, got {type(err).__name__}: {err}") from err
    for name, member in members.items():
        if not isinstance(member, np.ndarray):  # numpy hands out the bytes of members that do not begin as arrays do
            raise DataError(f"{path}: {name}: wanted an array, got {len(member)} other bytes")
    return members


def _part(members: dict[str, NDArray[Any]], part: str, side: int, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = members[f"x_{part}"]
    images = images_from_pixels(pixels, side, f"{path}: x_{part}")
    return images, class_numbers(members[f"y_{part}"], len(pixels), f"{path}: y_{part}")


def _class_names(members: dict[str, NDArray[Any]], classes: int, path: Path) -> tuple[str, ...]:
    if "class_names" not in members:
        return tuple(str(number) for number in range(classes))
    names = members["class_names"]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{path}: class_names: wanted strings (K,), got {names.dtype} {names.shape}")
    return tuple(str(name) for name in names)
