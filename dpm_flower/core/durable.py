"""Bytes that are on the disk when the call returns, so that a power cut takes back nothing that was said to be there."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Chunks -> a new file of them. All OSErrors pass through, and what `chunks` raises."""
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def write_all(descriptor: int, data: bytes, start: int = 0) -> None:
    """An open file, bytes, and where they go in it -> all of them are written there, not yet synced. All OSErrors pass through."""
    while data:
        written = os.pwrite(descriptor, data, start)
        data, start = data[written:], start + written


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last. All OSErrors pass through."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
