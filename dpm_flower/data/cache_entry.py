"""One data set in the cache: two arrays of images, and a file that says what they are and where they come from."""

import io
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray

from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.whole_file import whole_file
from dpm_flower.data.dataset import Column, DataSet
from dpm_flower.data.pixels import BytesNCHW
from dpm_flower.data.undecoded import Part, Undecoded

KIND = "dpm-flower images 2"
FORMAT = f"{KIND}, Pillow {PIL.__version__}, torch {torch.__version__}"  # other versions may decode and resize otherwise
PARTS = ("train", "test")
LONGEST_LINE = 1 << 16  # bytes; a path has 4,096 at most


@dataclass(frozen=True, slots=True)
class Origin:
    """The absolute path of the files that a data set was read from, and the digest of their state (see data/file_tree.py)."""

    path: str
    state: str


def image_bytes(undecoded: Undecoded) -> int:
    """What a data set's decoded images take."""
    return sum(prod(_shape(part, undecoded.side)) for part in (undecoded.train, undecoded.test))


def write_entry(folder: Path, key: str, undecoded: Undecoded, origin: Origin) -> None:
    """A data set not yet decoded and where it lies -> KEY-train.npy, KEY-test.npy and, at last, KEY.json, each there whole or not at all.

    Piece by piece: memory holds one piece. Raises OutputError where the folder cannot be written.
    """
    told: dict[str, Any] = {
        "name": undecoded.name,
        "class_names": undecoded.class_names,
        "notes": undecoded.notes,
        "held_out_by": undecoded.held_out_by,
        "columns": {name: {"train": column.train, "test": column.test} for name, column in undecoded.columns.items()},
    }
    if undecoded.attribute_names:
        told["attribute_names"] = undecoded.attribute_names
    for name, part in zip(PARTS, (undecoded.train, undecoded.test), strict=True):
        shape = _shape(part, undecoded.side)
        with whole_file(_images_path(folder, key, name)) as partial:
            crc = _write_images(partial, shape, part.pieces())
        told[name] = {"shape": shape, "crc32": crc, "labels": part.labels.tolist()}
        if part.attributes is not None:
            told[name]["attributes"] = part.attributes.tolist()
    body = json.dumps(asdict(origin)).encode() + b"\n" + json.dumps(told).encode()
    with whole_file(_index_path(folder, key)) as partial:
        partial.write_bytes(_first_line(body) + body)


def read_entry(folder: Path, key: str) -> DataSet | None:
    """The data set kept under a key, its images mapped copy-on-write; None where there is none, or anything about it is not as written."""
    try:
        line, newline, body = _index_path(folder, key).read_bytes().partition(b"\n")
        if line + newline != _first_line(body):
            return None
        told = json.loads(body.partition(b"\n")[2])
        names = tuple(told["class_names"])
        train, test = (_labelled(_images_path(folder, key, part), told[part], len(names)) for part in PARTS)
        columns = {name: Column(tuple(column["train"]), tuple(column["test"])) for name, column in told["columns"].items()}
        with suppress(OSError):  # used just now; a cache that only others may write to is as good
            os.utime(_index_path(folder, key))
        attributes = tuple(told.get("attribute_names", ()))
        return DataSet(told["name"], train, test, names, tuple(told["notes"]), columns, told["held_out_by"], attributes)
    except (OSError, ValueError, LookupError, TypeError, DpmFlowerError):
        return None


def read_origin(folder: Path, key: str) -> Origin | None:
    """Where the data set under a key comes from, read off the head of its index; None where that cannot be told."""
    try:
        with _index_path(folder, key).open("rb") as file:
            if not file.readline(LONGEST_LINE).startswith(KIND.encode()):
                return None
            return Origin(**json.loads(file.readline(LONGEST_LINE)))
    except (OSError, ValueError, TypeError):
        return None


def _write_images(path: Path, shape: tuple[int, ...], pieces: Iterable[BytesNCHW]) -> int:
    """Writes images as one .npy array -> their CRC-32. Written, not mapped: where the disk is full a mapped file kills the process."""
    crc = 0
    with path.open("wb") as file:
        file.write(_npy_header(shape))
        for piece in pieces:
            rows = np.ascontiguousarray(piece)
            file.write(rows.data)
            crc = zlib.crc32(rows.data, crc)
    return crc


def _labelled(path: Path, told: Mapping[str, Any], classes: int) -> Labelled:
    images = torch.from_numpy(_mapped(path, told["shape"], told["crc32"]))
    attributes = torch.tensor(told["attributes"], dtype=torch.uint8) if "attributes" in told else None
    return Labelled(images, torch.tensor(told["labels"], dtype=torch.int64), classes, attributes)


def _mapped(path: Path, shape: list[int], crc: int) -> NDArray[np.uint8]:
    """Raises ValueError unless the file is the .npy array of this shape and content."""
    header = _npy_header(tuple(shape))
    with path.open("rb") as file:
        if file.read(len(header)) != header or path.stat().st_size != len(header) + prod(shape):
            raise ValueError(f"{path} is another file")
    images = np.memmap(path, np.uint8, "c", len(header), tuple(shape))
    if zlib.crc32(images.data) != crc:
        raise ValueError(f"{path} is damaged")
    return images


def _npy_header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _first_line(body: bytes) -> bytes:
    return f"{FORMAT}, {zlib.crc32(body)}\n".encode()


def _shape(part: Part, side: int) -> tuple[int, ...]:
    return len(part.labels), 3, side, side


def _images_path(folder: Path, key: str, part: str) -> Path:
    return folder / f"{key}-{part}.npy"


def _index_path(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"
