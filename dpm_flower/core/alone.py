"""One run at a time in a folder: a lock that ends with the process that holds it, however it ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dpm_flower.core.errors import OutputError, StudyError

LOCK_NAME = ".lock"  # stays behind, empty: deleting it would let two runs lock two files of one name
POLL_S = 0.1  # between two looks at a lock that another run holds: runs last for minutes


@contextmanager
def alone_in(folder: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Holds an existing folder for one run while the block lasts; a killed process holds nothing.

    Where another run holds it: goes on when that one has let go, and raises StudyError where it has not within `wait_s` seconds.
    Raises OutputError where the folder cannot be written.
    """
    try:
        lock = (folder / LOCK_NAME).open("w")
    except OSError as err:
        raise OutputError(f"cannot write to the output folder {folder}: {err}") from err
    with lock:
        give_up = time.monotonic() + wait_s
        while not _locked(lock, folder):
            left_s = give_up - time.monotonic()
            if left_s <= 0:
                raise StudyError(f"another run is writing to {folder}: wait for its end, or choose another output folder")
            time.sleep(min(POLL_S, left_s))
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing alone would leave it with a process that was forked meanwhile


def _locked(lock: IO[str], folder: Path) -> bool:
    """A folder's open lock file -> whether this run holds it now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as err:
        raise OutputError(f"cannot lock the output folder {folder}: {err}") from err
    return True
