"""What an archive says of its images beside their classes: columns of text, and attributes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpm_flower.data.dataset import Column
from dpm_flower.data.npz_archive import Archive

NOT_COLUMNS = ("x", "y")
TEXT_AND_NUMBERS = "Uiufb"  # NumPy's kinds of strings, whole numbers, floats, booleans


def columns_of(archive: Archive, parts: Mapping[str, int]) -> tuple[dict[str, Column], tuple[str, ...]]:
    """An archive and the images of its parts, "train" and "test", perhaps "val" -> its columns, and the members that might have been some.

    NAME_train, NAME_test (and NAME_val) are a column where each is plain, of rank 1 and has an entry per image. Numbers become
    their text, whole ones the same whatever type a part keeps them in; where there is a member NAME_names, whole numbers below its
    length become those names. What `val` holds is appended to the training part.
    """
    columns, left_out = dict[str, Column](), list[str]()
    for member in archive.names:
        name, underscore, part = member.rpartition("_")
        if not underscore or part != "train" or name in NOT_COLUMNS or len(archive.shape(member) or ()) != 1:
            continue
        if any(archive.shape(f"{name}_{part}") != (images,) for part, images in parts.items()):
            left_out.append(member)
            continue
        values = {part: archive.read(f"{name}_{part}") for part in parts}
        if any(each.dtype.kind not in TEXT_AND_NUMBERS for each in values.values()):
            left_out.append(member)
            continue
        names = strings(archive.read(f"{name}_names")) if f"{name}_names" in archive.names else ()
        as_they_are = {each.dtype.kind for each in values.values()} == {"b"}  # one with 0 and 1 in another part is of numbers
        texts = {part: _texts(each, names, as_they_are=as_they_are) for part, each in values.items()}
        columns[name] = Column(texts["train"] + texts.get("val", ()), texts["test"])
    return columns, tuple(left_out)


def attributes_of(archive: Archive, parts: Mapping[str, int], label: str) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]] | None:
    """As `columns_of`, for NAME_train, NAME_test (N,A) with names NAME_names (A,), one of which is `label` -> these arrays and names.

    None: the archive has no such attribute.
    """
    for member in archive.names:
        name, _, part = member.rpartition("_")
        shape = archive.shape(member) or ()
        if part != "train" or len(shape) != 2 or f"{name}_names" not in archive.names:
            continue
        names = strings(archive.read(f"{name}_names"))
        if label in names and all(archive.shape(f"{name}_{part}") == (images, len(names)) for part, images in parts.items()):
            return {part: archive.read(f"{name}_{part}") for part in parts}, names
    return None


def strings(names: NDArray[Any]) -> tuple[str, ...]:
    """Strings (K,) -> as a tuple; nothing where they are anything else."""
    return tuple(str(name) for name in names) if names.ndim == 1 and names.dtype.kind == "U" else ()


def _texts(values: NDArray[Any], names: Sequence[str], *, as_they_are: bool) -> tuple[str, ...]:
    """A part may be of floats only because one of its values is missing: patient 7 is "7" there too, and not "7.0"."""
    if as_they_are or values.dtype.kind == "U":
        return tuple(str(value) for value in values.tolist())
    return tuple(_number(value, names) for value in values)  # as NumPy's own scalars: 0.1 is "0.1" in every width


def _number(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, np.floating) and not value.is_integer():
        return str(value)
    whole = int(value)
    return names[whole] if 0 <= whole < len(names) else str(whole)
