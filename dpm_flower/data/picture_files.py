"""Image files -> images as data sets keep them."""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dpm_flower.data.picture_checks import FORMATS, UNREADABLE, check_depth, unreadable, upright
from dpm_flower.data.pixels import BytesNCHW

PIECE_IMAGES = 1024  # decoded between two yields: 154 MB at 224 x 224 pixels
TASK_IMAGES = 16  # decoded by a thread in one go: handing over costs more than decoding a small image


def images_from_files(paths: Sequence[str], side: int) -> Iterator[BytesNCHW]:
    """Paths of N image files -> images (n,3,side,side), uint8, in pieces that add up to N, in the order of the paths.

    The upright centre square of every image is resized by Pillow's LANCZOS; the files are decoded by as many threads as this
    process may use CPUs. Raises DataError for an image that cannot be read or has more than 8 bits per channel, naming the file.
    """
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:  # Pillow decodes without the interpreter's lock
        for start in range(0, len(paths), PIECE_IMAGES):
            piece = paths[start : start + PIECE_IMAGES]
            images = np.empty((len(piece), 3, side, side), dtype=np.uint8)
            tasks = range(0, len(piece), TASK_IMAGES)
            list(threads.map(partial(_fill, images, piece), tasks))  # the list raises what a thread raised
            yield images


def _fill(images: BytesNCHW, paths: Sequence[str], first: int) -> None:
    for row in range(first, min(first + TASK_IMAGES, len(paths))):
        images[row] = _square(paths[row], images.shape[-1]).transpose(2, 0, 1)


def upright_rgb(path: str) -> Image.Image:
    """An image file -> the whole of it, upright, in RGB. Raises DataError as `images_from_files` does."""
    try:
        with open(path, "rb") as file:
            content = file.read()  # at once: Pillow reads in tiny bites
    except UNREADABLE as err:
        raise unreadable(path, err) from err
    return upright_rgb_of(content, path)


def upright_rgb_of(content: bytes, path: str) -> Image.Image:
    """The bytes of an image file and what messages call it -> the whole of it, upright, in RGB. Raises DataError."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            check_depth(opened, path)
            image = upright(opened)
            image.load()
            return image if image.mode == "RGB" else image.convert("RGB")
    except UNREADABLE as err:
        raise unreadable(path, err) from err


def _square(path: str, side: int) -> NDArray[np.uint8]:
    """An image file -> its upright centre square, (side,side,3)."""
    image = upright_rgb(path)
    edge = min(image.size)
    if image.size != (edge, edge):
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        image = image.crop((left, top, left + edge, top + edge))  # a resize by box would let pixels from outside in
    if edge != side:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)
