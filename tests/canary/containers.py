"""Bytes of a container -> what is in it: compressed streams, archives, arrays, pictures and databases, wherever in the bytes they begin."""

import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray
from PIL import Image

from tests.canary.unpacking import PIXELS

MOST_BYTES = 256 << 20  # of what is decompressed
SQLITE_MAGIC = b"SQLite format 3\0"
OF_SAFETENSORS = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
Inside = Iterator[tuple[str, "bytes | NDArray[np.generic]"]]


def gzip_streams(data: bytes) -> Inside:
    """gzip, and zlib where it is all there is."""
    for at in _places(data, b"\x1f\x8b\x08"):
        with suppress(zlib.error):
            yield f"gzip at {at}", zlib.decompressobj(31).decompress(data[at:], MOST_BYTES)
    if data[:1] == b"\x78":
        with suppress(zlib.error):
            yield "zlib", zlib.decompressobj().decompress(data, MOST_BYTES)


def zstandard_frames(data: bytes) -> Inside:
    """Zstandard."""
    for at in _places(data, zstandard.FRAME_HEADER):
        with suppress(zstandard.ZstdError):
            yield f"zstandard at {at}", zstandard.ZstdDecompressor().stream_reader(data[at:]).read(MOST_BYTES)


def zip_members(data: bytes) -> Inside:
    """zip, and so NumPy's npz and Flower's bundles."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return
    with suppress(zipfile.BadZipFile, zlib.error, NotImplementedError), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield f"zip {name}", archive.read(name)


def npy_arrays(data: bytes) -> Inside:
    """NumPy's npy, the form of Flower's arrays and of the caches of features; pickled ones are left alone."""
    for at in _places(data, b"\x93NUMPY"):
        with suppress(ValueError, EOFError, OSError, SyntaxError, MemoryError):
            yield f"npy at {at}", np.lib.format.read_array(io.BytesIO(data[at:]), allow_pickle=False)


def safetensors(data: bytes) -> Inside:
    """safetensors: the header, and every tensor of a type that torch knows."""
    size = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or not 2 <= size <= len(data) - 8:
        return
    try:
        header = json.loads(data[8 : 8 + size])
        entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
        places = [(name, entry["dtype"], entry["shape"], entry["data_offsets"]) for name, entry in entries]
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    yield "safetensors header", data[8 : 8 + size]
    body = data[8 + size :]
    for name, dtype, shape, (start, end) in places:
        if dtype in OF_SAFETENSORS and end > start:
            tensor = torch.frombuffer(bytearray(body[start:end]), dtype=OF_SAFETENSORS[dtype]).reshape(shape)
            yield f"safetensors {name}", (tensor.float() if dtype == "BF16" else tensor).numpy()


def pictures(data: bytes) -> Inside:
    """PNG and JPEG -> their pixels (H,W,C) and the bytes of those."""
    for magic, kind in ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg")):
        for at in _places(data, magic):
            with suppress(OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                pixels = np.asarray(Image.open(io.BytesIO(data[at:])).convert("RGB"))
                yield f"{kind} bytes", pixels.tobytes()
                yield f"{kind} {PIXELS}", pixels


def sqlite_rows(data: bytes) -> Inside:
    """SQLite: every value of every row; and its pages one after the other, so that what was deleted in pieces lies together."""
    if not data.startswith(SQLITE_MAGIC):
        return
    page = int.from_bytes(data[16:18], "big")
    page = 1 << 16 if page == 1 else page
    yield "sqlite pages", b"".join(data[start + 4 : start + page] for start in range(page, len(data), page))
    in_memory = data[:18] + b"\1\1" + data[20:]  # not in WAL mode, which a database in memory cannot be
    with suppress(sqlite3.Error), closing(sqlite3.connect(":memory:")) as opened:
        opened.deserialize(in_memory)
        opened.text_factory = bytes
        for (table,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            name = table.decode()
            for row in opened.execute(f'SELECT * FROM "{name}"'):  # a name out of the database itself
                for value in row:
                    if isinstance(value, bytes):
                        yield f"sqlite {name}", value


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


CONTAINERS = (gzip_streams, zstandard_frames, zip_members, npy_arrays, safetensors, pictures, sqlite_rows)
