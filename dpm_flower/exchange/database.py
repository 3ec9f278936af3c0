"""SQLite files that several processes use at once: a connection for each question, since threads and forks share none safely."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dpm_flower.core.errors import OutputError, PoolError

BUSY_TIMEOUT_S = 30.0  # a write takes milliseconds; whoever waits longer than this waits for something that hangs

_FULL_OR_READ_ONLY = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM}
_NO_DATABASE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def connection(path: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """A database's path -> a connection to it for the block, without transactions of its own making.

    Raises OutputError where the disk does not take what is written, PoolError for everything else that SQLite refuses.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as opened:
            yield opened
    except sqlite3.Error as err:
        if _code(err) in _FULL_OR_READ_ONLY:
            raise OutputError(f"cannot write {path}: {err}{_room(path)}") from err
        raise PoolError(f"cannot use {path}: {err}") from err


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """As `connection`, in one transaction that no other writer's comes between; undone if the block raises."""
    with connection(path) as opened:
        opened.execute("BEGIN IMMEDIATE")
        yield opened  # closing without COMMIT undoes
        opened.execute("COMMIT")


def version(path: Path) -> int | None:
    """A database's path -> the `user_version` that its maker gave it, or None where no sound database lies.

    Raises PoolError if it cannot be asked now, OutputError if the disk fails.
    """
    if not path.exists():
        return None
    try:
        with connection(path) as opened:
            if opened.execute("PRAGMA quick_check").fetchone() != ("ok",):
                return None
            return int(opened.execute("PRAGMA user_version").fetchone()[0])
    except PoolError as err:
        if isinstance(err.__cause__, sqlite3.Error) and _code(err.__cause__) in _NO_DATABASE:
            return None
        raise


def _code(err: sqlite3.Error) -> int:
    return getattr(err, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the upper bits say more than is asked here


def _room(path: Path) -> str:
    """How many bytes are free where a file lies, in words: of a disk that is full, SQLite often says no more than that it failed."""
    try:
        return f", with {shutil.disk_usage(path.parent).free} bytes free on its disk"
    except OSError:
        return ""
