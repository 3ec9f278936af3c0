"""What an inbox could not take, put aside for its owner: a file -> the same below `rejected`, beside the reason, for a limited time."""

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dpm_flower.core.durable import sync_folder, write_file
from dpm_flower.core.errors import OutputError
from dpm_flower.data.retention.erasing import erase

REJECTED = "rejected"
REASON = ".reason.txt"


def put_aside(inbox: Path, files: Sequence[Path], reason: str, came_at: int) -> None:
    """An inbox, files of it that belong together, and when they came (seconds since 1970 UTC) -> they lie below `rejected`, with a reason.

    The reason, in a file beside the first one, is there before they are. A file of that name that lies there already stays, and the new
    ones get names of their own.
    Raises OutputError where the disk does not take it; the files are then still in the inbox.
    """
    place = inbox / REJECTED / files[0].relative_to(inbox).parent
    _refuse_link(inbox / REJECTED)
    try:
        place.mkdir(0o700, parents=True, exist_ok=True)
        os.chmod(inbox / REJECTED, 0o700)
        free = not any(os.path.lexists(place / name) for file in files for name in (file.name, file.name + REASON))
        prefix = "" if free else f"{secrets.token_hex(4)}-"
        note = place / f"{prefix}{files[0].name}{REASON}"
        write_file(note, [f"{files[0].relative_to(inbox)}: {reason}\n".encode(errors="surrogateescape")])
        os.utime(note, (came_at, came_at))
        for file in files:
            aside = file.rename(place / f"{prefix}{file.name}")
            os.utime(aside, (came_at, came_at), follow_symlinks=False)  # not before: in the inbox it would have come just now
        sync_folder(place)
    except OSError as err:
        raise OutputError(f"cannot put a file of {inbox} aside: {err.strerror}") from err  # its name says of whom the image is


def clear(inbox: Path, before_s: float) -> int:
    """An inbox and a time (seconds since 1970 UTC) -> how many files below `rejected`, reasons among them, were erased: all of that age.

    They are images as well, and may be kept no longer than those in the store. Folders go as soon as nothing lies in them. Raises
    OutputError for what cannot be erased, and where `rejected` is a link.
    """
    erased, top = 0, inbox / REJECTED
    try:
        _refuse_link(top)
        for place, names, descriptor in _below(top):
            gone = [name for name in names if _erased(name, descriptor, before_s)]
            erased += len(gone)
            if gone:
                sync_folder(place)
            if place != top:
                with suppress(OSError):  # something lies there still
                    os.rmdir(place)  # names of folders tell of whom images were, too
    except FileNotFoundError:
        return erased
    except OSError as err:
        raise OutputError(f"cannot erase what was rejected in {inbox}: {err.strerror}") from err
    return erased


def of_age(inbox: Path, before_s: float) -> int:
    """An inbox and a time (seconds since 1970 UTC) -> how many files `clear` would erase. Raises OutputError where it would."""
    found, top = 0, inbox / REJECTED
    try:
        _refuse_link(top)
        for _, names, descriptor in _below(top):
            found += sum(_is_of_age(name, descriptor, before_s) for name in names)
    except FileNotFoundError:
        return found
    except OSError as err:
        raise OutputError(f"cannot look at what was rejected in {inbox}: {err.strerror}") from err
    return found


def _below(top: Path) -> Iterator[tuple[Path, list[str], int]]:
    """A folder -> it and all below, the deepest first, each with the names of its files, of links as well, and its descriptor.

    Raises OSError for a folder that could not be looked into, once all others were.
    """
    failed = list[OSError]()
    for place, folders, names, descriptor in os.fwalk(top, topdown=False, onerror=failed.append):
        yield Path(place), names + [name for name in folders if _is_link(name, descriptor)], descriptor
    if failed:
        raise failed[0]


def _is_link(name: str, descriptor: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False  # a folder that was emptied, and went


def _erased(name: str, descriptor: int, before_s: float) -> bool:
    """Whether a file, or a link, in the folder of this descriptor was of that age and is gone."""
    try:
        if not _is_of_age(name, descriptor, before_s):
            return False
        erase(name, descriptor)
    except FileNotFoundError:
        return False  # another thread was faster
    return True


def _is_of_age(name: str, descriptor: int, before_s: float) -> bool:
    try:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return min(found.st_mtime, found.st_ctime) <= before_s  # a camera's time may lie ahead of what was moved last


def _refuse_link(top: Path) -> None:
    """What lies behind a link nobody would clear. Raises OutputError."""
    if top.is_symlink():
        raise OutputError(f"wanted a folder {top}, got a link: what is put aside there would not be erased on time")


def erase_file(path: Path) -> None:
    """Erases a file of an inbox, if it is still there, and makes that last.

    Raises OutputError, which does not name it: names tell of whom an image is.
    """
    try:
        with _folder(path.parent) as descriptor:
            erase(path.name, descriptor)
            os.fsync(descriptor)
    except FileNotFoundError:
        return  # whoever wrote it, or another thread, was faster
    except OSError as err:
        raise OutputError(f"cannot erase a file of the inbox: {err.strerror}") from err


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
