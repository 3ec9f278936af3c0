"""A folder with one folder of images per class."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.streams import stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.pixels import images_from_pixels
from dpm_flower.data.stratified import stratified_split

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # those of torchvision's ImageFolder
DEEP_MODES = ("I", "F")  # 16 and more bits per pixel: Pillow would cut them to 255 in silence
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, Image.DecompressionBombError)
LAYOUTS = "FOLDER/train/CLASS/IMAGE with FOLDER/test/CLASS/IMAGE (or val), or FOLDER/CLASS/IMAGE with at least two classes"
HELD_OUT = 5  # one image in five becomes the test set where the folder has none


def image_folder(folder: Path, side: int) -> DataSet:
    """FOLDER/{train,test}/CLASS/IMAGE or FOLDER/CLASS/IMAGE -> a data set with images (N,3,side,side).

    `test` may be called `val`; where both exist, `val` is appended to the training images. Without either, a stratified fifth,
    the same one every time, becomes the test set, and the notes say so. The centre square of every image is resized by
    Pillow's LANCZOS. Files that have no image's extension are passed over.
    Raises DataError for another layout, a class without images, and an image that cannot be read, naming the file.
    """
    parts = {path.name: path for path in _folders(folder)}
    if "train" in parts and ("test" in parts or "val" in parts):
        return _ready_split(folder, parts, side)
    names = tuple(sorted(parts))
    if len(names) < 2:
        raise DataError(f"{folder}: wanted {LAYOUTS}; got the folders {list(names)}")
    everything = _labelled(folder, names, side)
    order = torch.randperm(len(everything), generator=stream(0, "image-folder", "test"))
    test, train = stratified_split(order, everything.labels, len(everything) // HELD_OUT)
    note = f"the folder has no test set: a stratified fifth, {len(test):,} images, was held out"
    return DataSet(folder.name, everything.take(train.sort().values), everything.take(test.sort().values), names, (note,))


def _ready_split(folder: Path, parts: dict[str, Path], side: int) -> DataSet:
    names = tuple(path.name for path in _folders(parts["train"]))
    train = _labelled(parts["train"], names, side)
    test = _labelled(parts["test" if "test" in parts else "val"], names, side, every_class=False)
    notes: tuple[str, ...] = ()
    if "test" in parts and "val" in parts:
        extra = _labelled(parts["val"], names, side, every_class=False)
        train = Labelled(torch.cat((train.images, extra.images)), torch.cat((train.labels, extra.labels)), len(names))
        notes = (f"{len(extra):,} images of the folder val were appended to the training images",)
    return DataSet(folder.name, train, test, names, notes)


def _labelled(folder: Path, names: tuple[str, ...], side: int, *, every_class: bool = True) -> Labelled:
    """The images of FOLDER/CLASS/ for the classes named -> (N,3,side,side) with labels (N,), sorted by class and file name."""
    if strangers := {path.name for path in _folders(folder)} - set(names):
        raise DataError(f"{folder}: wanted only the classes of the training images, got also {', '.join(sorted(strangers))}")
    found = [(number, path) for number, name in enumerate(names) for path in _image_files(folder / name)]
    filled = {number for number, _ in found}
    if every_class and (empty := [name for number, name in enumerate(names) if number not in filled]):
        raise DataError(f"{folder}: wanted images ({', '.join(EXTENSIONS)}) of every class, got none of {', '.join(empty)}")
    if not found:
        raise DataError(f"{folder}: wanted {LAYOUTS}; got no images")
    pixels = np.empty((len(found), side, side, 3), dtype=np.uint8)
    for row, (_, path) in enumerate(found):
        pixels[row] = _square(path, side)
    labels = torch.tensor([number for number, _ in found])
    return Labelled(images_from_pixels(pixels, side, str(folder)), labels, len(names))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as err:
        raise DataError(f"{folder}: wanted a folder of images, got {type(err).__name__}: {err}") from err


def _image_files(folder: Path) -> list[Path]:
    """All image files below a class folder, however deep: some data sets have one more folder there."""
    found = (Path(parent) / name for parent, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if path.suffix.lower() in EXTENSIONS and not path.name.startswith("."))


def _square(path: Path, side: int) -> NDArray[Any]:
    """An image file -> its upright centre square, (side,side,3) uint8."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(DEEP_MODES):
                raise DataError(f"{path}: wanted 8 bits per channel, got Pillow's mode {image.mode}")
            upright = ImageOps.exif_transpose(image).convert("RGB")
            edge = min(upright.size)
            left, top = (upright.width - edge) // 2, (upright.height - edge) // 2
            # cut first: a resize by box would let pixels from outside the square into its border
            return np.asarray(upright.crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.LANCZOS))
    except UNREADABLE as err:
        raise DataError(f"{path}: wanted a readable image, got {type(err).__name__}: {err}") from err
