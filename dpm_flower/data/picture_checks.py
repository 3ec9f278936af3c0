"""Which image files can be read, and whether one can: what decoding needs to know before it makes arrays. Nothing in here needs torch."""

import io
import re
import struct
import zlib

from PIL import Image, ImageOps

from dpm_flower.core.errors import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # those of torchvision's ImageFolder
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")  # what those names say; of others Pillow knows some that start programs
DEEP_MODES = ("I", "F")  # grey of 16 and more bits per pixel: Pillow would cut them to 255 in silence
DEEP_RAW = re.compile(r";16[A-Z]")  # "RGB;16B": colours of 16 bits, cut to 8 while they are decoded; BMP's "BGR;16" is a whole pixel
BRIGHTEST_BYTE = 255
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, Image.DecompressionBombError)


def check_depth(image: Image.Image, what: str) -> None:
    """Raises DataError, naming `what`, for an opened image with more than 8 bits per channel, whatever Pillow would make of it."""
    if deep := _deep(image):
        raise DataError(f"{what}: wanted 8 bits per channel, got Pillow's mode {deep}")


def upright(image: Image.Image) -> Image.Image:
    """The image as the camera was held. A JPEG says so before its pixels or not at all, and asking Pillow costs as much as decoding."""
    if image.format == "JPEG" and not {"exif", "xmp"} & image.info.keys():
        return image
    return ImageOps.exif_transpose(image)


def decoded_size(content: bytes, what: str) -> tuple[int, int]:
    """An image file's bytes -> width and height of the upright image, once all of it was decoded.

    Raises DataError, naming `what`, for an image that data sets could not read.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            check_depth(opened, what)
            image = upright(opened)
            image.load()
            return image.size
    except UNREADABLE as err:
        raise unreadable(what, err) from err


def unreadable(what: str, err: BaseException) -> DataError:
    """Why an image could not be decoded -> the error that says so."""
    return DataError(f"{what}: wanted a readable image, got {type(err).__name__}: {err}")


def _deep(image: Image.Image) -> str:
    """How Pillow calls what lies in the file where that is more than 8 bits per channel; else nothing."""
    if image.mode.startswith(DEEP_MODES):
        return image.mode
    for decoder, _, _, told in getattr(image, "tile", ()):
        first, *more = told if isinstance(told, tuple) else (told,)
        if isinstance(first, str) and DEEP_RAW.search(first):
            return first
        if decoder.startswith("ppm") and more and isinstance(more[0], int) and more[0] > BRIGHTEST_BYTE:
            return f"{first} with values up to {more[0]}"
    return ""
