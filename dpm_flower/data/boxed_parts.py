"""Pictures that each may turn out unusable -> the parts of a data set with boxes, and which pictures were left out and why."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dpm_flower.core.boxed import CORNERS, Boxed, check_boxes
from dpm_flower.core.errors import DataError
from dpm_flower.data.split_folders import Role
from dpm_flower.data.voc_xml import Box

PIECE_IMAGES = 256  # read between two looks at what came: where sizes differ, that is soon found

Size: TypeAlias = tuple[int, int]  # height and width, pixels


@dataclass(frozen=True, slots=True)
class Unread:
    """One picture: the part that it is of, its name, and what reads it -> the upright picture in RGB and its boxes.

    `read` raises DataError where one of the two cannot be used.
    """

    part: Role
    name: str
    read: Callable[[], tuple[Image.Image, Sequence[Box]]]


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPicture:
    """A picture (3,H,W), uint8, its boxes (M,4) and their classes (M,)."""

    pixels: NDArray[np.uint8]
    boxes: Tensor
    labels: Tensor


def read_parts(
    unread: Sequence[Unread], class_names: tuple[str, ...], size: Size | None, where: str
) -> tuple[dict[Role, Boxed], dict[str, str]]:
    """Pictures, the classes, and the size wanted -> the data set's three parts, and why pictures were left out, by name.

    With a `size` pictures are resized by Pillow's LANCZOS, their boxes with them; without one they have to be alike. What cannot be
    used is left out, as is a picture that an earlier one has too, by name or by its pixels: nobody is to be judged on what was learnt
    from. `where` names the source in messages. Raises DataError for pictures of several sizes, and where a part has no picture left.
    """
    once, left_out = _once(unread)
    found: dict[Role, list[BoxedPicture]] = {part: [] for part in get_args(Role)}
    first: tuple[str, BoxedPicture] | None = None
    seen: dict[bytes, str] = {}
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:  # Pillow decodes without the interpreter's lock
        for start in range(0, len(once), PIECE_IMAGES):
            piece = once[start : start + PIECE_IMAGES]
            tried = threads.map(partial(_tried, class_names=class_names, size=size), piece)
            for each, got in zip(piece, tried, strict=True):
                if isinstance(got, str):
                    left_out[each.name] = got
                    continue
                first = first or (each.name, got)
                _check_alike(first, (each.name, got), where)
                if (before := seen.setdefault(hashlib.sha256(got.pixels.tobytes()).digest(), each.name)) != each.name:
                    left_out[each.name] = f"wanted each picture once, got the pixels of {before} again"
                    continue
                found[each.part].append(got)
    return {part: _part(reads, class_names, part, left_out, where) for part, reads in found.items()}, left_out


def _once(unread: Sequence[Unread]) -> tuple[list[Unread], dict[str, str]]:
    """All pictures -> each where it comes first, and why some come in no other part."""
    part_of: dict[str, Role] = {}
    once, left_out = list[Unread](), dict[str, str]()
    for each in unread:
        if each.name not in part_of:
            part_of[each.name] = each.part
            once.append(each)
        elif (before := part_of[each.name]) != each.part:
            left_out[f"{each.name} ({each.part})"] = f"wanted a picture in one part only, got one of the {before} part"
    return once, left_out


def _check_alike(first: tuple[str, BoxedPicture], other: tuple[str, BoxedPicture], where: str) -> None:
    if first[1].pixels.shape != other[1].pixels.shape:
        told = " and ".join(f"{each.pixels.shape[2]} x {each.pixels.shape[1]} ({name})" for name, each in (first, other))
        raise DataError(f"{where}: wanted images of one size, or a size to resize them to, got {told}")


def _tried(unread: Unread, *, class_names: tuple[str, ...], size: Size | None) -> BoxedPicture | str:
    """-> what was read, or why it cannot be used."""
    try:
        return boxed_picture(*unread.read(), class_names, size)
    except DataError as err:
        return str(err)


def boxed_picture(image: Image.Image, boxes: Sequence[Box], class_names: Sequence[str], size: Size | None) -> BoxedPicture:
    """An upright picture in RGB and its boxes, the names behind the class numbers, and the size wanted, None for its own -> both as
    numbers, resized by Pillow's LANCZOS. Raises DataError for boxes that are none of the picture, and of other classes.
    """
    corners, labels = _tensors(boxes, class_names)
    own = image.height, image.width
    check_boxes(corners, labels, own, len(class_names))
    if size is not None and size != own:
        image = image.resize((size[1], size[0]), Image.Resampling.LANCZOS)
        corners = _resized(corners, own, size)
        check_boxes(corners, labels, size, len(class_names))  # a box of next to no width has none after rounding
    return BoxedPicture(np.asarray(image).transpose(2, 0, 1), corners, labels)


def _tensors(boxes: Sequence[Box], class_names: Sequence[str]) -> tuple[Tensor, Tensor]:
    if unknown := sorted({box.name for box in boxes} - set(class_names)):
        raise DataError(f"wanted boxes of the classes {', '.join(class_names)}, got one of {unknown[0]!a}")
    corners = torch.tensor([box.corners for box in boxes], dtype=torch.float32).reshape(-1, CORNERS)
    return corners, torch.tensor([class_names.index(box.name) for box in boxes], dtype=torch.int64)


def _resized(corners_M4: Tensor, own: Size, size: Size) -> Tensor:
    scale = torch.tensor([size[1] / own[1], size[0] / own[0]]).repeat(2)
    most = torch.tensor([size[1], size[0]], dtype=torch.float32).repeat(2)
    return torch.minimum(corners_M4 * scale, most)  # a product may be rounded to just beyond the border


def _part(reads: Sequence[BoxedPicture], class_names: tuple[str, ...], part: Role, left_out: Mapping[str, str], where: str) -> Boxed:
    if not reads:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:1])
        raise DataError(f"{where}: wanted at least one usable image in the {part} part, got none{f' ({why})' if why else ''}")
    images = torch.from_numpy(np.stack([each.pixels for each in reads]))
    return Boxed(images, tuple(each.boxes for each in reads), tuple(each.labels for each in reads), class_names)
