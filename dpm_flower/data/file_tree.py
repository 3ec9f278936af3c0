"""All files below a folder, and what tells whether any of them has changed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from dpm_flower.core.errors import DataError


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """A folder -> all that is no folder below it, in no order; links to folders are followed, but none is entered twice.

    Raises DataError for a folder that cannot be read: it might hold images.
    """
    waiting, entered = [str(folder)], set[tuple[int, int]]()
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if not entry.is_dir():
                        yield entry
                    elif not entry.is_symlink() or _first_time(entry, entered):
                        waiting.append(entry.path)
    except OSError as err:
        raise DataError(f"{folder}: wanted a folder that can be read, got {type(err).__name__}: {err}") from err


def _first_time(link: os.DirEntry[str], entered: set[tuple[int, int]]) -> bool:
    found = link.stat()
    place = (found.st_dev, found.st_ino)
    known = place in entered
    entered.add(place)
    return not known


def state_of(path: Path) -> str:
    """A file or folder -> SHA-256, hexadecimal, of the paths, sizes (bytes) and times of the last change (ns) of all its files.

    Another one when any file is written, added or removed; a link that leads nowhere counts by its name, and so does what is not there.
    Raises DataError for what cannot be looked up: it lies in a folder that may not be entered, or its name is too long.
    """
    try:
        is_folder = path.is_dir()
    except OSError as err:
        raise DataError(f"wanted a file or folder that can be looked up, got {type(err).__name__}: {err}") from err
    files = ((entry.path, entry) for entry in files_below(path)) if is_folder else [(str(path), path)]
    stamps = sorted(f"{name}\x1f{_stamp(file)}" for name, file in files)
    return hashlib.sha256("\x1e".join(stamps).encode(errors="surrogateescape")).hexdigest()


def _stamp(file: os.DirEntry[str] | Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return ""
    return f"{found.st_size}\x1f{found.st_mtime_ns}"
