"""A folder with one folder of images per class."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.streams import stream
from dpm_flower.data.column_table import folder_columns
from dpm_flower.data.file_tree import files_below
from dpm_flower.data.partition_columns import numbered_column
from dpm_flower.data.picture_checks import EXTENSIONS
from dpm_flower.data.picture_files import images_from_files
from dpm_flower.data.split_folders import WANTED, Splits, splits_among
from dpm_flower.data.stratified import stratified_split
from dpm_flower.data.undecoded import Part, Undecoded

Files: TypeAlias = list[tuple[str, int]]  # path, class number

HELD_OUT = 5  # one image in five becomes the test set where the folder has none


def image_folder(folder: Path, side: int, apart: str = "") -> Undecoded:
    """FOLDER/{train,test}/CLASS/IMAGE or FOLDER/CLASS/IMAGE -> a data set with images (N,3,side,side), not yet decoded.

    The parts may be called otherwise (see data/split_folders.py). The validation part stands in for a missing test part; beside a
    test part, it is appended to the training images. Without any parts, a stratified fifth, the same one every time, becomes the
    test set: of images, or with `apart`, a column, of whole values of it, so that nobody is on both sides. The notes say all
    this. Files that have no image's extension are passed over.
    What is known of the images beside their classes stands in FOLDER/columns.csv (see data/column_table.py).
    Raises DataError for another layout, for a class without images, and for `apart` where there is a test part, no such column,
    an image without a value, or one value only; decoding does for an image that cannot be read.
    """
    names = tuple(path.name for path in _folders(folder))
    if (splits := splits_among(names, str(folder))) is not None:
        if apart:
            raise DataError(f"{folder}: wanted apart={apart} for a folder without a test set, got {splits.train} and {splits.test}")
        found = ready_split(folder, splits, side)
        others = sorted({*names} - {splits.train, splits.test, splits.validation})
        passed_over = tuple(f"the folder {name} was passed over: it is no part of the data set" for name in others)
        return replace(found, notes=found.notes + passed_over)
    if len(names) < 2:
        raise DataError(f"{folder}: wanted {WANTED}; got the folders {list(names)}")
    return _with_held_out(folder, names, side, apart)


def ready_split(folder: Path, splits: Splits, side: int) -> Undecoded:
    """A folder and which folders of it are the parts -> as `image_folder`."""
    names = tuple(path.name for path in _folders(folder / splits.train))
    train = _files(folder / splits.train, names)
    test = _files(folder / splits.test, names, every_class=False)
    notes: tuple[str, ...] = ()
    if splits.validation:
        extra = _files(folder / splits.validation, names, every_class=False)
        train += extra
        notes = (f"{len(extra):,} images of the folder {splits.validation} were appended to the training images",)
    return _undecoded(folder, side, names, train, test, notes)


def _with_held_out(folder: Path, names: tuple[str, ...], side: int, apart: str) -> Undecoded:
    found = _files(folder, names)
    groups = _groups(folder, [path for path, _ in found], apart) if apart else None
    order = torch.randperm(len(found), generator=stream(0, "image-folder", "test"))
    test, train = stratified_split(order, torch.tensor([number for _, number in found]), len(found) // HELD_OUT, groups)
    how = f"in whole values of {apart!r}" if apart else "image by image"
    note = f"the folder has no test set: a stratified fifth, {len(test):,} images, was held out {how}"
    kept, held_out = ([found[index] for index in indices.sort().values.tolist()] for indices in (train, test))
    return replace(_undecoded(folder, side, names, kept, held_out, (note,)), held_out_by=apart)


def _groups(folder: Path, paths: list[str], apart: str) -> Tensor:
    """The number of each image's value of a column (N,)."""
    columns = folder_columns(folder, paths, [])
    if apart not in columns:
        raise DataError(f"{folder}: wanted a column {apart!r} to hold out whole values of, got the columns {', '.join(columns) or 'none'}")
    column = numbered_column(columns[apart], f"{folder}: {apart!r}")
    if len(column.values) < 2:
        raise DataError(f"{folder}: wanted at least 2 values of {apart!r}, one of them to hold out, got {len(column.values)}")
    return column.train


def _undecoded(folder: Path, side: int, names: tuple[str, ...], train: Files, test: Files, notes: tuple[str, ...]) -> Undecoded:
    columns = folder_columns(folder, [path for path, _ in train], [path for path, _ in test])
    return Undecoded(folder.name, side, _part(train, side), _part(test, side), names, notes, columns)


def _part(files: Files, side: int) -> Part:
    labels = torch.tensor([number for _, number in files], dtype=torch.int64)  # of no file too
    return Part(labels, partial(images_from_files, [path for path, _ in files], side))


def _files(folder: Path, names: tuple[str, ...], *, every_class: bool = True) -> Files:
    """The image files of FOLDER/CLASS/, however deep, for the classes named, by class and then by name, with their class numbers."""
    if strangers := {path.name for path in _folders(folder)} - set(names):
        raise DataError(f"{folder}: wanted only the classes of the training images, got also {', '.join(sorted(strangers))}")
    found = [(path, number) for number, name in enumerate(names) for path in _image_files(folder / name)]
    filled = {number for _, number in found}
    if every_class and (empty := [name for number, name in enumerate(names) if number not in filled]):
        raise DataError(f"{folder}: wanted images ({', '.join(EXTENSIONS)}) of every class, got none of {', '.join(empty)}")
    if not found:
        raise DataError(f"{folder}: wanted {WANTED}; got no images")
    return found


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as err:
        raise DataError(f"{folder}: wanted a folder of images, got {type(err).__name__}: {err}") from err


def _image_files(folder: Path) -> list[str]:
    """All image files below a class folder: some data sets have one more folder there. A test part may lack the class."""
    entries = files_below(folder) if folder.is_dir() else ()
    found = [entry.path for entry in entries if entry.name.lower().endswith(EXTENSIONS) and not entry.name.startswith(".")]
    return sorted(found, key=lambda path: path.split(os.sep))
