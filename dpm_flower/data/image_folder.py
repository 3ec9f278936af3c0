"""A folder with one folder of images per class."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch

from dpm_flower.core.errors import DataError
from dpm_flower.core.streams import stream
from dpm_flower.data.column_table import folder_columns
from dpm_flower.data.file_tree import files_below
from dpm_flower.data.picture_files import EXTENSIONS, images_from_files
from dpm_flower.data.stratified import stratified_split
from dpm_flower.data.undecoded import Part, Undecoded

LAYOUTS = "FOLDER/train/CLASS/IMAGE with FOLDER/test/CLASS/IMAGE (or val), or FOLDER/CLASS/IMAGE with at least two classes"
Files: TypeAlias = list[tuple[str, int]]  # path, class number

HELD_OUT = 5  # one image in five becomes the test set where the folder has none


def image_folder(folder: Path, side: int) -> Undecoded:
    """FOLDER/{train,test}/CLASS/IMAGE or FOLDER/CLASS/IMAGE -> a data set with images (N,3,side,side), not yet decoded.

    `test` may be called `val`; where both exist, `val` is appended to the training images. Without either, a stratified fifth,
    the same one every time, becomes the test set, and the notes say so. Files that have no image's extension are passed over.
    What is known of the images beside their classes stands in FOLDER/columns.csv (see data/column_table.py).
    Raises DataError for another layout and for a class without images; decoding does for an image that cannot be read.
    """
    parts = {path.name: path for path in _folders(folder)}
    if "train" in parts and ("test" in parts or "val" in parts):
        return ready_split(folder, parts, side)
    names = tuple(sorted(parts))
    if len(names) < 2:
        raise DataError(f"{folder}: wanted {LAYOUTS}; got the folders {list(names)}")
    found = _files(folder, names)
    order = torch.randperm(len(found), generator=stream(0, "image-folder", "test"))
    test, train = stratified_split(order, torch.tensor([number for _, number in found]), len(found) // HELD_OUT)
    note = f"the folder has no test set: a stratified fifth, {len(test):,} images, was held out"
    kept, held_out = ([found[index] for index in indices.sort().values.tolist()] for indices in (train, test))
    return _undecoded(folder, side, names, kept, held_out, (note,))


def ready_split(folder: Path, parts: Mapping[str, Path], side: int) -> Undecoded:
    """A folder and the parts of it to read, `train` with `test` or `val` or both, by name -> as `image_folder`."""
    names = tuple(path.name for path in _folders(parts["train"]))
    train = _files(parts["train"], names)
    test = _files(parts["test" if "test" in parts else "val"], names, every_class=False)
    notes: tuple[str, ...] = ()
    if "test" in parts and "val" in parts:
        extra = _files(parts["val"], names, every_class=False)
        train += extra
        notes = (f"{len(extra):,} images of the folder val were appended to the training images",)
    return _undecoded(folder, side, names, train, test, notes)


def _undecoded(folder: Path, side: int, names: tuple[str, ...], train: Files, test: Files, notes: tuple[str, ...]) -> Undecoded:
    columns = folder_columns(folder, [path for path, _ in train], [path for path, _ in test])
    return Undecoded(folder.name, side, _part(train, side), _part(test, side), names, notes, columns)


def _part(files: Files, side: int) -> Part:
    return Part(torch.tensor([number for _, number in files]), partial(images_from_files, [path for path, _ in files], side))


def _files(folder: Path, names: tuple[str, ...], *, every_class: bool = True) -> Files:
    """The image files of FOLDER/CLASS/, however deep, for the classes named, by class and then by name, with their class numbers."""
    if strangers := {path.name for path in _folders(folder)} - set(names):
        raise DataError(f"{folder}: wanted only the classes of the training images, got also {', '.join(sorted(strangers))}")
    found = [(path, number) for number, name in enumerate(names) for path in _image_files(folder / name)]
    filled = {number for _, number in found}
    if every_class and (empty := [name for number, name in enumerate(names) if number not in filled]):
        raise DataError(f"{folder}: wanted images ({', '.join(EXTENSIONS)}) of every class, got none of {', '.join(empty)}")
    if not found:
        raise DataError(f"{folder}: wanted {LAYOUTS}; got no images")
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
