"""One run at a time in a folder: a lock that ends with the process that holds it, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpm_flower.core.errors import OutputError, StudyError

LOCK_NAME = ".lock"  # stays behind, empty: deleting it would let two runs lock two files of one name


@contextmanager
def alone_in(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds an existing folder for one run while the block lasts; a killed process holds nothing.

    Where another run holds it: raises StudyError, or with `wait` goes on when that one has let go. Raises OutputError where the
    folder cannot be written.
    """
    try:
        lock = (folder / LOCK_NAME).open("w")
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {folder}: {err}") from err
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise StudyError(f"another run is writing to {folder}: wait for its end, or choose another output folder") from err
        except OSError as err:
            raise OutputError(f"cannot lock the output folder {folder}: {err}") from err
        yield
