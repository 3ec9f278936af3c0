"""Images and labels in one NumPy archive."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labels
from dpm_flower.data.attributes import attribute_classes, attribute_columns
from dpm_flower.data.class_numbers import check_range, class_numbers, classes_from_text
from dpm_flower.data.dataset import Column
from dpm_flower.data.npz_archive import Archive, opened_archive
from dpm_flower.data.npz_columns import attributes_of, columns_of, strings
from dpm_flower.data.pixels import BytesNCHW, image_pieces
from dpm_flower.data.undecoded import Part, Undecoded

Arrays = dict[str, NDArray[Any]]  # by part: "train", "test", perhaps "val"


def npz_file(path: Path, side: int, label: str = "", chosen: Sequence[str] = ()) -> Undecoded:
    """An archive with `x_train`, `y_train`, `x_test`, `y_test` -> a data set with images (N,3,side,side), not yet decoded.

    Images are (N,H,W,3) or grey (N,H,W), uint8 or floats in [0,1]; labels are whole numbers (N,). Optional: `class_names` (K,)
    and `x_val`, `y_val`, which are appended to the training images. With a `label` the classes are the values of that column
    or attribute (see data/npz_columns.py for both), and no y is needed; others that are `chosen` become attributes of the images.
    Pickled members are refused. The images' members are held in memory, as they are in the archive, until they are decoded.
    Raises DataError, naming the file and the member, for whatever is not so; for the images, when they are decoded.
    """
    with opened_archive(path) as archive:
        parts = _parts(archive, label)
        pixels = {part: archive.read(f"x_{part}") for part in parts}
        counts = {part: len(np.atleast_1d(each)) for part, each in pixels.items()}
        columns, left_out = columns_of(archive, counts)
        numbers = {part: archive.read(f"y_{part}") for part in parts} if not label else {}
        class_names = archive.read("class_names") if "class_names" in archive.names and not label else None
        attributes = attributes_of(archive, counts, label) if label and label not in columns else None
        others = _attribute_columns(archive, counts, [name for name in chosen if name not in columns])
    if not label:
        train, test, names = _numbered(numbers, counts, class_names, path)
    elif label in columns:
        train, test, names = classes_from_text(columns[label].train, columns[label].test)
    elif attributes is not None:
        train, test, names = _by_attribute(*attributes, label, path)
    else:
        raise DataError(f"{path}: wanted a column or an attribute {label!r} as label, got the columns {', '.join(columns) or 'none'}")
    notes = [f"the member {name} was left out: it is no column with an entry for every image of every part" for name in left_out]
    if "val" in parts:
        notes.append(f"{counts['val']:,} validation images of the file were appended to the training images")
    if (height_width := pixels["train"].shape[1:3]) != (side, side) and len(height_width) == 2:
        notes.append(f"images of {height_width[0]} x {height_width[1]} pixels were resized to {side} x {side}")
    trained = {part: each for part, each in pixels.items() if part != "test"}
    tested = {"test": pixels["test"]}
    return Undecoded(
        name=path.stem,
        side=side,
        train=Part(train, partial(_pieces, trained, side, path)),
        test=Part(test, partial(_pieces, tested, side, path)),
        class_names=names,
        notes=tuple(notes),
        columns=columns,
    ).with_attributes(chosen, others, label)


def _parts(archive: Archive, label: str) -> tuple[str, ...]:
    """The parts that the archive has. Raises DataError for one without images, or, where no column gives them, without labels."""
    kinds = ("x",) if label else ("x", "y")
    wanted = [f"{kind}_{part}" for part in ("train", "test") for kind in kinds]
    if missing := [name for name in wanted if name not in archive.names]:
        raise DataError(
            f"{archive.path}: wanted the members {', '.join(wanted)}; missing {', '.join(missing)}, got {', '.join(archive.names)}"
            + ("" if label else f'. A column or an attribute becomes the label by name, as "{archive.path}?label=NAME"')
        )
    if not label and ("x_val" in archive.names) != ("y_val" in archive.names):
        raise DataError(f"{archive.path}: wanted x_val and y_val or neither, got {', '.join(archive.names)}")
    return ("train", "val", "test") if "x_val" in archive.names else ("train", "test")


def _pieces(pixels: Arrays, side: int, path: Path) -> Iterator[BytesNCHW]:
    for part, each in pixels.items():
        yield from image_pieces(each, side, f"{path}: x_{part}")


def _numbered(
    numbers: Arrays, counts: Mapping[str, int], class_names: NDArray[Any] | None, path: Path
) -> tuple[Labels, Labels, tuple[str, ...]]:
    labels = {part: class_numbers(each, counts[part], f"{path}: y_{part}") for part, each in numbers.items()}
    if class_names is None:
        names = tuple(str(number) for number in range(max(int(each.max()) for each in labels.values() if len(each)) + 1))
    elif not (names := strings(class_names)):
        raise DataError(f"{path}: class_names: wanted strings (K,), got {class_names.dtype} {class_names.shape}")
    for part, each in labels.items():
        check_range(each, len(names), f"{path}: y_{part}")
    return torch.cat([labels[part] for part in labels if part != "test"]), labels["test"], names


def _attribute_columns(archive: Archive, counts: Mapping[str, int], wanted: Sequence[str]) -> dict[str, Column]:
    """Those of the wanted attributes that the archive has, as columns."""
    columns = dict[str, Column]()
    for name in wanted:
        if (found := attributes_of(archive, counts, name)) is not None:
            arrays, names = found
            of = {part: torch.from_numpy(each[:, [names.index(name)]]) for part, each in arrays.items()}
            train = torch.cat([each for part, each in of.items() if part != "test"])
            columns |= attribute_columns(train, of["test"], [name], str(archive.path))
    return columns


def _by_attribute(attributes: Arrays, names: tuple[str, ...], label: str, path: Path) -> tuple[Labels, Labels, tuple[str, ...]]:
    labels = {part: attribute_classes(torch.from_numpy(each), names, label, str(path)) for part, each in attributes.items()}
    train = torch.cat([values for part, (values, _) in labels.items() if part != "test"])
    values, class_names = labels["test"]
    return train, values, class_names
