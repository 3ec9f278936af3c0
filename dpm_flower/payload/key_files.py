"""Files and folders that hold private keys: made whole or not at all, never over others, and read only if closed to everybody else."""

import errno
import fcntl
import glob
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpm_flower.core.durable import sync_folder
from dpm_flower.core.errors import OutputError

FOLDER_MODE, FILE_MODE = 0o700, 0o600
MAX_KEY_BYTES = 1 << 16
PARTIAL = ".partial"

_THERE = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}  # what renaming a folder onto something says


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A path -> a hidden folder (mode 0700) beside it to write to, which takes that path in one step when the block ends.

    A killed writer leaves only its hidden folder, which the next one for the same path removes. Raises OutputError where anything but an
    empty folder is there already, and for every OSError.
    """
    folder = folder.absolute()
    _check_free(folder)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        partial.mkdir(FOLDER_MODE)
        partial.chmod(FOLDER_MODE)  # whatever the umask takes away
        with _locked(partial):
            yield partial
            sync_folder(partial)
            partial.rename(folder)
        sync_folder(folder.parent)
    except OSError as err:
        if err.errno in _THERE:
            _check_free(folder)  # somebody else made it meanwhile
        raise OutputError(f"cannot write {folder}: {err}") from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_free(folder: Path) -> None:
    try:
        free = not os.path.lexists(folder) or (folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()))
    except OSError as err:
        raise OutputError(f"cannot look into {folder}: {err.strerror}") from err
    if not free:
        raise OutputError(f"{folder} is there already, and private keys are never written over: choose another folder")


def write_new(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """A path where nothing is and bytes -> the file on the disk, with exactly this mode. OSErrors pass through to `new_folder`."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def check_closed_folder(folder: Path) -> None:
    """Raises OutputError unless this is a folder that its owner, who is this user or root, alone may enter."""
    try:
        found = folder.stat()
    except OSError as err:
        raise OutputError(f"no folder with keys at {folder}: {err.strerror}") from err
    if not stat.S_ISDIR(found.st_mode):
        raise OutputError(f"wanted a folder with keys, got the file {folder}")
    _check_closed(folder, found, FOLDER_MODE)


def read_closed(path: Path, limit_bytes: int = MAX_KEY_BYTES) -> bytes:
    """A private file -> its bytes. Raises OutputError where it is missing, too long, no plain file, or open to others."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OutputError(f"{path} must be a plain file")
            _check_closed(path, found, FILE_MODE)
            data = file.read(limit_bytes + 1)
    except FileNotFoundError as err:
        raise OutputError(f"missing: {path}") from err
    except OSError as err:
        raise OutputError(f"cannot read {path}: {err.strerror}") from err
    if len(data) > limit_bytes:
        raise OutputError(f"damaged: {path} may have {limit_bytes} bytes, and has more")
    return data


def _check_closed(path: Path, found: os.stat_result, wanted: int) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise OutputError(f"too open: {path} has mode {mode:04o}, wanted {wanted:04o} (chmod {wanted:o} {path}): others can get at it")
    if found.st_uid not in (os.geteuid(), 0):
        raise OutputError(f"too open: {path} belongs to user {found.st_uid}, wanted this one, {os.geteuid()}, or root")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the kernel drops when its writer dies: so a sweep can tell the two apart."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Removes what killed writers of this path left: keys that nobody will ever use."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.{'[0-9a-f]' * 16}{PARTIAL}"):
        try:
            with _locked(left):
                shutil.rmtree(left, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            continue  # its writer lives, or another one swept it
