"""Images with boxes in one NumPy archive -> what each of them holds, one by one."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dpm_flower.core.boxed import CORNERS
from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_parts import Unread
from dpm_flower.data.npz_archive import Archive, opened_archive
from dpm_flower.data.npz_columns import strings
from dpm_flower.data.split_folders import Role
from dpm_flower.data.voc_xml import Box

MEMBERS = ("images", "boxes", "box_class", "box_image", "split", "class_names")
PARTS: Mapping[int, Role] = {0: "train", 1: "validation", 2: "test"}


def boxed_npz(path: Path) -> tuple[tuple[Unread, ...], tuple[str, ...]]:
    """An archive -> its pictures, each of which may still turn out unusable, and the names of the classes.

    `images` (N,H,W,3) or grey (N,H,W), uint8; `boxes` (M,4), corners in their pixels; of each box its `box_class` (M,) and the
    `box_image` (M,) that it is in; `split` (N,), 0 for training, 1 for validation, 2 for test; `class_names` (K,). Images are called
    as `file` (N,) says, else by their numbers. Raises DataError, naming the file, for members that are not so.
    """
    with opened_archive(path) as archive:
        if missing := [name for name in MEMBERS if name not in archive.names]:
            raise DataError(
                f"{path}: wanted the members {', '.join(MEMBERS)}; missing {', '.join(missing)}, got {', '.join(archive.names)}"
            )
        images, boxes, classes, of_image, split, names = (archive.read(name) for name in MEMBERS)
        files = _files(archive, len(np.atleast_1d(images)))
    _check_shapes(images, boxes, split, path)
    for name, numbers, count in (("box_class", classes, len(boxes)), ("box_image", of_image, len(boxes)), ("split", split, len(images))):
        if numbers.shape != (count,) or numbers.dtype.kind not in "ui":
            raise DataError(f"{path}: {name}: wanted {count} whole numbers, got {numbers.dtype} {numbers.shape}")
    if not (class_names := strings(names)) or len(set(class_names)) != len(class_names):
        raise DataError(f"{path}: class_names: wanted different strings (K,), got {names.dtype} {names.shape}")
    unread = [
        Unread(PARTS[part], name, partial(_picture, images[number], boxes[of_image == number], classes[of_image == number], class_names))
        if (part := int(split[number])) in PARTS
        else Unread("train", name, partial(_refuse, f"wanted a part of {list(PARTS)}, got {part}"))
        for number, name in enumerate(files)
    ]
    return (*unread, *_orphans(of_image, len(images))), class_names


def _files(archive: Archive, count: int) -> tuple[str, ...]:
    if "file" in archive.names and len(set(files := strings(archive.read("file")))) == count:
        return files
    return tuple(f"image {number}" for number in range(count))


def _check_shapes(images: NDArray[Any], boxes: NDArray[Any], split: NDArray[Any], path: Path) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] != 3) or not images.size:
        raise DataError(f"{path}: wanted images (N,H,W,3) or (N,H,W) of uint8, got {images.dtype} {images.shape}")
    if boxes.ndim != 2 or boxes.shape[1] != CORNERS or boxes.dtype.kind not in "uif":
        raise DataError(f"{path}: wanted boxes (M,4), numbers, got {boxes.dtype} {boxes.shape}")
    if split.shape == images.shape[:1] and (absent := [part for number, part in PARTS.items() if number not in split]):
        raise DataError(f"{path}: split: wanted images of every part, {dict(PARTS)}, got none of {', '.join(absent)}")


def _picture(
    pixels: NDArray[np.uint8], boxes: NDArray[Any], classes: NDArray[Any], class_names: tuple[str, ...]
) -> tuple[Image.Image, list[Box]]:
    if unknown := [int(number) for number in classes if not 0 <= number < len(class_names)]:
        raise DataError(f"wanted boxes of classes in [0, {len(class_names)}), got one of {unknown[0]}")
    corners = [(float(xmin), float(ymin), float(xmax), float(ymax)) for xmin, ymin, xmax, ymax in boxes]
    found = [Box(class_names[number], each) for number, each in zip(classes, corners, strict=True)]
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB"), found


def _orphans(of_image: NDArray[Any], images: int) -> list[Unread]:
    """Boxes of no image: they cost nobody else anything, but are told."""
    numbers = np.flatnonzero((of_image < 0) | (of_image >= images)).tolist()
    return [
        Unread("train", f"box {number}", partial(_refuse, f"wanted a box of one of {images} images, got one of image {of_image[number]}"))
        for number in numbers
    ]


def _refuse(reason: str) -> NoReturn:
    raise DataError(reason)
