"""Grey pictures (H,W) of one byte a pixel -> the bitstream of an image codec, and a bitstream from outside -> the picture."""

from io import BytesIO

import numpy as np
from PIL import Image

from dpm_flower.core.codec_name import Codec
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.avif_still import bitstream, container
from dpm_flower.payload.quantised import Pixels
from dpm_flower.payload.webp_still import check_webp

OVERHEAD_BYTES = 1024  # no picture takes more than two bytes a pixel beyond it: see `most_bytes`
EFFORT = 4  # of WebP, 0 to 6; its own default


def coded_picture(picture_HW: Pixels, codec: Codec) -> bytes:
    """A picture -> its bitstream; the same picture gives the same bytes."""
    file, image = BytesIO(), Image.fromarray(picture_HW)
    if codec.kind == "webp":
        image.save(file, "WEBP", lossless=True, method=EFFORT)
        return file.getvalue()
    # libaom tunes for the eye unless it is told that the squared error counts; on one thread, so that it repeats itself
    image.save(file, "AVIF", quality=codec.quality, subsampling="4:0:0", max_threads=1, advanced={"tune": "psnr"})
    return bitstream(file.getvalue())


def decoded_picture(data: bytes, shape: tuple[int, int], codec: Codec) -> Pixels:
    """A bitstream and the height and width that it must have -> the picture. Raises ReleaseError for anything else.

    Its size is read from its own headers before anything is decoded: no other can make a decoder allocate.
    """
    if codec.kind == "webp":
        check_webp(data, shape)
    else:
        data = container(data, shape)
    try:
        with Image.open(BytesIO(data), formats=[codec.kind.upper()]) as image:
            if (image.height, image.width) != shape:
                raise ReleaseError(f"wanted a picture of {shape[0]} x {shape[1]} pixels, got one of {image.height} x {image.width}")
            pixels = np.asarray(image if image.mode == "L" else image.getchannel(0))
    except (OSError, RuntimeError, ValueError, SyntaxError) as err:  # what Pillow raises for bytes that are damaged
        raise ReleaseError(f"a picture does not decode as {codec.kind}: {err}") from err
    return pixels


def most_bytes(shape: tuple[int, int]) -> int:
    """The most that the bitstream of a picture of that height and width takes, noise included."""
    return 2 * shape[0] * shape[1] + OVERHEAD_BYTES
