"""Bytes -> a file that is there whole or not at all."""

from pathlib import Path

from dpm_flower.core.whole_file import whole_file


def write_atomically(path: Path, content: bytes) -> Path:
    """A path and the bytes of the file -> the same path, after the file is on the disk; makes the folders above it.

    A reader sees the old file or the new one, never a part. Raises OutputError where it cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_bytes(content)
    return path
