"""A tensor file: values and their labels as safetensors, written in place.

What comes out is byte for byte what `safetensors.torch.save` makes of the two, which holds them twice more while it does.
Source: the format's description in the README of safetensors.
"""

import json
from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from torch import Tensor

from dpm_flower.payload.huge_pages import on_huge_pages

ALIGNMENT = 8  # of what follows the header, which spaces fill up
_STORED = {torch.float16: ("F16", "<f2"), torch.float32: ("F32", "<f4"), torch.uint8: ("U8", "u1")}  # little-endian on every machine


def tensor_file(name: str, shape: torch.Size, dtype: torch.dtype, labels: Tensor, fill: Callable[[Tensor], None]) -> bytes:
    """The name, shape (n,*shape) and type of values, labels (n,) int64, and what writes the values where they belong -> the file.

    `fill` is given that place once; if it keeps it, the file is a copy.
    """
    stored, as_numpy = _STORED[dtype]
    size = shape.numel() * dtype.itemsize
    header = _header(name, stored, list(shape), size, labels.nbytes)
    start = len(header) + labels.nbytes
    file = BytesIO(bytes(start + size))  # whose bytes become the file's own, and at the end the result, without a copy
    room = file.getbuffer()
    on_huge_pages(room)
    room[: len(header)] = header
    room[len(header) : start] = labels.contiguous().numpy().astype("<i8", copy=False).data.cast("B")
    fill(torch.from_numpy(np.frombuffer(room, as_numpy, offset=start).reshape(shape)))
    room.release()  # `getvalue` makes a copy only while somebody may write: so says an array of NumPy's, not `torch.frombuffer`
    return file.getvalue()


def _header(name: str, stored: str, shape: list[int], size: int, labels_bytes: int) -> bytes:
    """Labels come first, since safetensors puts the wider type there."""
    tensors = {
        "labels": {"dtype": "I64", "shape": shape[:1], "data_offsets": [0, labels_bytes]},
        name: {"dtype": stored, "shape": shape, "data_offsets": [labels_bytes, labels_bytes + size]},
    }
    text = json.dumps(tensors, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
