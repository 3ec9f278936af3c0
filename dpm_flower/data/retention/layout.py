"""Where things lie in a store's folder. Names tell when a thing goes and nothing else, so that they can be judged without the ledger."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpm_flower.core.alone import LOCK_NAME
from dpm_flower.core.errors import OutputError, RetentionError

ITEMS: Final = "items"  # a file for each image
DERIVED: Final = "derived"  # a folder for each thing that was made of images
LEDGER = "ledger.jsonl"
SNAPSHOT = "ledger-state.json"
MARK = "highest-time"
KEY = "key"
OWN = frozenset({ITEMS, DERIVED, LEDGER, SNAPSHOT, MARK, KEY, LOCK_NAME})
FOLDER_MODE, FILE_MODE = 0o700, 0o600

_NAME = re.compile(r"([0-9]{12})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Name:
    """What a thing in `items` or `derived` is called: the second at which it goes, and its random id."""

    expires_at: int
    id: str

    def __str__(self) -> str:
        return f"{self.expires_at:012d}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Name | None":
        """A file's name -> what it says, or None for a name that no store gives."""
        found = _NAME.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None


def make(folder: Path) -> None:
    """Makes a store's folders, which their owner alone may enter, or closes those that are there and open to others.

    Raises RetentionError where a link or anything but a folder lies in the place of one, OutputError where it cannot be made.
    """
    try:
        for place in (folder, folder / ITEMS, folder / DERIVED):
            place.mkdir(FOLDER_MODE, parents=place == folder, exist_ok=True)
            _check_folder(place)
            if stat.S_IMODE(place.stat().st_mode) != FOLDER_MODE:
                place.chmod(FOLDER_MODE)
        os.close(os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE))
    except OSError as err:
        raise OutputError(f"cannot make a store in {folder}: {err}") from err


def check(folder: Path) -> None:
    """Raises RetentionError unless a store lies here whose folders are folders and no links to others."""
    for place in (folder, folder / ITEMS, folder / DERIVED):
        try:
            _check_folder(place)
        except OSError as err:
            raise RetentionError(f"wanted a retention store at {folder}, got none: {err.strerror}: {place}") from err
    if (folder / LOCK_NAME).is_symlink():  # taking the lock would empty whatever it leads to
        raise RetentionError(f"wanted a file at {folder / LOCK_NAME}, got a link")


@contextmanager
def opened(folder: Path, part: str) -> Iterator[int]:
    """A store and ITEMS or DERIVED -> that folder's descriptor, which no link that comes into its place can turn elsewhere."""
    descriptor = os.open(folder / part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check_folder(place: Path) -> None:
    if not stat.S_ISDIR(place.lstat().st_mode):
        raise RetentionError(f"wanted a folder at {place}, got a link or a file: a store's folders may not lead elsewhere")
