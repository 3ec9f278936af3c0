"""Which manifest each release's name first stood for, remembered in a file: it outlives the process, and several share it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.exchange import database

if TYPE_CHECKING:  # verification needs torch; a relay, which only moves bytes, starts without it
    from dpm_flower.payload.verification import ReleaseId

SCHEMA_VERSION = 1

_TABLE = """
    CREATE TABLE seen (
        sender TEXT NOT NULL, campaign TEXT NOT NULL, sequence INTEGER NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (sender, campaign, sequence)
    ) STRICT, WITHOUT ROWID
"""
_FIRST = "SELECT digest FROM seen WHERE sender = ? AND campaign = ? AND sequence = ?"


class Replays:
    """A ReplayMemory in the SQLite file `path`, made if there is none.

    Raises PoolError for a file that is damaged: it is not made anew, since that would forget what was seen; OutputError where the
    disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            _make(path)
        if (found := database.version(path)) != SCHEMA_VERSION:
            raise PoolError(f"the replay memory {path} is damaged: wanted a sound database of version {SCHEMA_VERSION}, got {found}")

    def setdefault(self, release: "ReleaseId", digest: str, /) -> str:
        """The digest first seen for this release; `digest` if there was none, which is then on the disk."""
        with database.connection(self._path) as opened:
            if found := opened.execute(_FIRST, release).fetchone():  # most are seen again, and reading waits for nobody
                return str(found[0])
        with database.writing(self._path) as opened:
            opened.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)", (*release, digest))
            return str(opened.execute(_FIRST, release).fetchone()[0])


def _make(path: Path) -> None:
    """Makes an empty memory, whole before it has its name; one that another process made meanwhile stays."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with database.connection(new, create=True) as opened:
            opened.execute(_TABLE)
            opened.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        with suppress(FileExistsError):
            os.link(new, path)
    except OSError as err:
        raise OutputError(f"cannot write {path}: {err.strerror}") from err
    finally:
        with suppress(OSError):  # gone already, or the folder itself is what failed
            new.unlink()
