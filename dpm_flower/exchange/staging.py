"""Staging: a folder in which something is written whole before it becomes visible, safe against writers that die."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Staging:
    """Work folders under `folder`, each locked by its writer. The kernel drops a dead writer's lock, so that it tells who lives.

    Several processes may use one staging folder. All OSErrors pass through.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._mutex_path = folder / "mutex"

    @contextmanager
    def mutex(self) -> Iterator[None]:
        """Holds off every other process and thread that uses this staging folder, for as long as the block runs."""
        with _locked(self._mutex_path):
            yield

    @contextmanager
    def work(self) -> Iterator[Path]:
        """A new, empty work folder for one writer, gone after the block with what was left in it."""
        token = f"{os.getpid()}-{secrets.token_hex(8)}"
        folder, lock_path = self._folder / token, self._folder / f"{token}.lock"
        with self.mutex():  # between making the lock file and locking it, a sweep would take it for a dead writer's
            lock = _open_lock(lock_path)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock_path.unlink(missing_ok=True)
            os.close(lock)

    def sweep(self) -> None:
        """Removes what dead writers left; a live writer's work stays."""
        with self.mutex():
            for token in {path.name.removesuffix(".lock") for path in self._folder.iterdir()} - {self._mutex_path.name}:
                lock_path = self._folder / f"{token}.lock"
                lock = _open_lock(lock_path)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(self._folder / token, ignore_errors=True)
                    lock_path.unlink(missing_ok=True)
                except BlockingIOError:
                    continue  # its writer lives
                finally:
                    os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
