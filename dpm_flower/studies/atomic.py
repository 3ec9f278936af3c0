"""Bytes -> a file that is there whole or not at all."""

import os
from pathlib import Path

from dpm_flower.core.errors import OutputError


def write_atomically(path: Path, content: bytes) -> Path:
    """A path and the bytes of the file -> the same path, after the file is on the disk; makes the folders above it.

    A reader sees the old file or the new one, never a part. Raises OutputError where it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as err:
        raise OutputError(f"wanted to write {path}, but: {err.strerror or err}") from err
    return path
