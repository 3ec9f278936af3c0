"""A secret that a program reads from a path -> a path that leads to memory, and gives it away once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dpm_flower.core.errors import OutputError


@contextmanager
def secret_pipe(secret: bytes) -> Iterator[int]:
    """Bytes -> the read end of a pipe that holds them and then ends; for `pass_fds`, and as `path_of` for who wants a path.

    Nothing of it touches a disk, and what was read is gone from it. Raises OutputError for more bytes than a pipe takes at once.
    """
    reading, writing = os.pipe()
    try:
        try:
            os.set_blocking(writing, False)  # nobody reads yet
            taken = os.write(writing, secret)
        except BlockingIOError:
            taken = 0
        finally:
            os.close(writing)
        if taken < len(secret):
            raise OutputError(f"wanted a pipe that takes {len(secret)} bytes at once, got one that took {taken}")
        yield reading
    finally:
        os.close(reading)


def path_of(descriptor: int) -> str:
    """A descriptor -> the path by which the process that has it opens it."""
    return f"/dev/fd/{descriptor}"
