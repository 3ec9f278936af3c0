"""Staging: a folder in which something is written whole before it becomes visible, safe against writers that die."""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MUTEX = "mutex"
LOCK = ".lock"


class Staging:
    """Work folders under `folder`, each locked by its writer. The kernel drops a dead writer's lock, so that it tells who lives.

    Several processes may use one staging folder. All OSErrors pass through.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._held = threading.local()

    @contextmanager
    def mutex(self) -> Iterator[None]:
        """Holds off every other process and thread that uses this staging folder, for as long as the block runs. May be nested."""
        if getattr(self._held, "mutex", False):
            yield
            return
        lock = _open(self._folder / MUTEX)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._held.mutex = True
            yield
        finally:
            self._held.mutex = False
            os.close(lock)

    @contextmanager
    def work(self, name: str) -> Iterator[Path]:
        """An empty work folder of that name for one writer at a time, gone after the block with what was left in it."""
        with self._owned(name, wait=True):
            folder = self._folder / name
            try:
                folder.mkdir()
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def idle(self, name: str) -> Iterator[bool]:
        """Whether nobody works under that name; if so, nobody begins to before the block ends."""
        with self._owned(name, wait=False) as owned:
            yield owned

    def sweep(self) -> None:
        """Removes what dead writers left; a live writer's work stays."""
        for name in {path.name.removesuffix(LOCK) for path in self._folder.iterdir()} - {MUTEX}:
            with self._owned(name, wait=False):
                pass  # owning it removes what its last owner left

    @contextmanager
    def _owned(self, name: str, *, wait: bool) -> Iterator[bool]:
        path = self._folder / f"{name}{LOCK}"
        lock = _locked(path, wait=wait)
        if lock is None:
            yield False
            return
        try:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            yield True
        finally:
            path.unlink(missing_ok=True)
            os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _locked(path: Path, *, wait: bool) -> int | None:
    """The lock file's descriptor once it is ours, or None if it is somebody's and we do not wait."""
    while True:
        lock = _open(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass  # its owner removed it while we waited: a lock on a file without a name holds nobody off
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
