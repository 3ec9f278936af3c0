"""One set of features in one file: an .npy array, and a checksum behind it."""

import functools
import io
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHECKSUM_BYTES = 4
CHUNK_BYTES = 1 << 20


def write_features(path: Path, shape: tuple[int, ...], batches: Iterable[Tensor]) -> None:
    """The shape (N,C,h,w), and float32 batches (n,C,h,w) that add up to it -> the file; memory holds one batch. Raises OSError.

    Written, not mapped: where the disk is full, a mapped file kills the process.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    crc = zlib.crc32(header.getvalue())
    with path.open("wb") as file:
        file.write(header.getvalue())
        for batch in batches:
            rows = np.ascontiguousarray(batch.numpy(), dtype="<f4")
            file.write(rows.data)
            crc = zlib.crc32(rows.data, crc)
        file.write(crc.to_bytes(CHECKSUM_BYTES, "little"))


def read_features(path: Path, memory_bytes: int) -> Tensor | None:
    """A file -> its features (N,C,h,w), in memory, or mapped where the file is larger; None unless it is as it was written.

    A process reads all of a file once, to compare it with its checksum. Whoever writes to the features changes nobody else's.
    Raises OSError for a file that is there and cannot be read.
    """
    try:
        found = path.stat()
        if not _is_intact(path, found.st_ino, found.st_mtime_ns, found.st_size):
            return None
        mapped = found.st_size > memory_bytes
        # copy-on-write: torch wants a writable array, and nothing may change what was computed
        features: NDArray[np.float32] = np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return torch.from_numpy(features)


@functools.lru_cache(maxsize=1024)
def _is_intact(path: Path, inode: int, changed_ns: int, size_bytes: int) -> bool:
    """Whether a file ends with its checksum; `inode` and `changed_ns` make another file under the same name another call."""
    del inode, changed_ns
    left, crc = size_bytes - CHECKSUM_BYTES, 0
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        return left == 0 and file.read() == crc.to_bytes(CHECKSUM_BYTES, "little")
