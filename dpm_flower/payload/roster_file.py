"""A site's roster file as its services see it: the roster in force at each call, a new one taken up without a restart."""

import os
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from dpm_flower.core.errors import DpmFlowerError, ReleaseError
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_envelope import read_envelope
from dpm_flower.payload.roster_lock import follow

_Stamp: TypeAlias = tuple[int, ...] | None


class RosterFile:
    """Callable that gives the roster of the file at `path`, held to the lock at `lock_path`; safe to share between threads.

    Each call looks whether either file changed. A file that is refused changes nothing: the last good roster stays, and `refusal` says
    why the other one does not count. An expired roster is given too, and itself refuses every use (`Roster.member`).
    """

    def __init__(self, path: Path, lock_path: Path) -> None:
        self._path, self._lock_path = path, lock_path
        self._mutex = Lock()
        self._seen: tuple[_Stamp, _Stamp] | None = None
        self._roster: Roster | None = None
        self._refusal: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why the file as it lay there at the last call was not taken up; None if it was, or if there was no call yet."""
        return self._refusal

    def __call__(self) -> Roster:
        """The roster in force. Raises ReleaseError if there has been no good one since this was made."""
        with self._mutex:
            seen = _stamp(self._path), _stamp(self._lock_path)  # before reading: what is replaced meanwhile is seen at the next call
            if seen != self._seen:
                self._read(seen)
            if self._roster is None:
                raise ReleaseError(self._refusal)
            return self._roster

    def _read(self, seen: tuple[_Stamp, _Stamp]) -> None:
        self._seen = None
        try:
            self._roster = follow(self._lock_path, read_envelope(self._path))
        except ReleaseError as err:  # it stays refused until a file changes
            self._seen, self._refusal = seen, f"the roster {self._path} was refused: {err}"
        except (OSError, DpmFlowerError) as err:  # a full disk, or a file that is missing, may be well again at the next call
            self._refusal = f"the roster {self._path} cannot be taken up: {err}"
        else:
            self._seen, self._refusal = seen, None


def _stamp(path: Path) -> _Stamp:
    """What changes whenever a file is replaced, written to or made readable; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
