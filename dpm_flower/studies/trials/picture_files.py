"""Images as JPEG or AVIF files of their own, and what the same pictures take in one release: what all files begin with counts once."""

from collections.abc import Sequence
from io import BytesIO
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.numpy import save
from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.payload.avif_still import bitstream
from dpm_flower.payload.packing import packed
from dpm_flower.payload.shard import Shard

PictureFormat: TypeAlias = Literal["JPEG", "AVIF"]
Image3: TypeAlias = npt.NDArray[np.uint8]  # (H,W,3)


def picture_file(image_HW3: Image3, kind: PictureFormat, quality: int, *, own_tables: bool = True) -> bytes:
    """An image -> its file. A JPEG has Huffman tables made for it, which is smallest for a file alone, or the standard's, as all have."""
    file, image = BytesIO(), Image.fromarray(image_HW3)
    if kind == "JPEG":
        image.save(file, "JPEG", quality=quality, optimize=own_tables)
    else:
        image.save(file, "AVIF", quality=quality, max_threads=1)
    return file.getvalue()


def picture_of(file: bytes) -> Tensor:
    """A file -> its image (3,H,W), bytes."""
    with Image.open(BytesIO(file)) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def beginning(streams: Sequence[bytes]) -> bytes:
    """At least one byte string -> the longest one with which all of them begin."""
    first, last = min(streams), max(streams)  # all others lie between the two, and begin as both do
    unlike = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(unlike, len(first))]


def released_bytes(images: Sequence[Image3], labels: Labels, kind: PictureFormat, quality: int) -> int:
    """Images with labels (N,) -> the bytes of one release of them as such pictures, as a release of coded features counts its own.

    Each keeps what is its own: of a JPEG with the standard's tables all that follows them, of an AVIF the bitstream without its
    container, both without what all begin with, which stands there once. Where a picture ends it says itself. Labels are those of
    any release, and all of it is compressed where that helps.
    """
    streams = [picture_file(image, kind, quality, own_tables=False) for image in images]
    if kind == "AVIF":
        streams = [bitstream(file) for file in streams]
    head = beginning(streams)
    content = {
        "labels": labels.cpu().numpy(),
        "head": np.frombuffer(head, np.uint8),
        "pictures": np.frombuffer(b"".join(stream[len(head) :] for stream in streams), np.uint8),
    }
    return packed(Shard("pictures-00000.safetensors", save(content))).size_bytes
