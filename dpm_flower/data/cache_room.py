"""Keeping the cache of decoded images within its room, and free of what has no source any more."""

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dpm_flower.data.cache_entry import Origin, read_origin

OURS = re.compile(r"([0-9a-f]{64})(-train\.npy|-test\.npy|\.json)")
LEFT_BEHIND = re.compile(r"\.[0-9a-f]{64}.*\.partial")
LEFT_BEHIND_S = 24 * 3600.0  # what is written takes hours at most; older parts are those of killed processes


@dataclass(slots=True)
class _Entry:
    files: list[Path] = field(default_factory=list)
    size_bytes: int = 0
    used_s: float = 0.0  # the index is touched at each use; an entry without one is of no use


def make_room(folder: Path, room_bytes: int, newest: str) -> None:
    """The cache's folder, its room and the key of what was just written -> removes what was not used for longest until the rest fits.

    Never the newest. Other files than the cache's own stay. What another process has mapped stays readable for it.
    """
    entries = _entries(folder)
    total = sum(entry.size_bytes for entry in entries.values())
    for key, entry in sorted(entries.items(), key=lambda item: item[1].used_s):
        if total <= room_bytes:
            return
        if key == newest:
            continue
        _remove(entry)
        total -= entry.size_bytes


def drop_orphans(folder: Path, present: Origin) -> None:
    """The cache's folder and what is about to be read -> removes what was decoded from files that are gone, or from another state of these.

    An image that its owner has deleted or changed is then in no entry of the cache. An entry that cannot tell its origin goes too.
    """
    for key, entry in _entries(folder).items():
        if entry.used_s and _is_orphan(read_origin(folder, key), present):  # one without its index is perhaps being written
            _remove(entry)


def _is_orphan(origin: Origin | None, present: Origin) -> bool:
    if origin is None:
        return True
    return origin.state != present.state if origin.path == present.path else not os.path.lexists(origin.path)


def _remove(entry: _Entry) -> None:
    for file in sorted(entry.files, reverse=True):  # the index first: what is half gone is not looked at
        with suppress(OSError):
            file.unlink()


def _entries(folder: Path) -> dict[str, _Entry]:
    """Keys -> what lies under them; parts that killed processes left behind are removed."""
    entries: dict[str, _Entry] = {}
    with suppress(OSError):
        for file in folder.iterdir():
            with suppress(OSError):
                found = file.stat()
                if (ours := OURS.fullmatch(file.name)) is not None:
                    entry = entries.setdefault(ours[1], _Entry())
                    entry.files.append(file)
                    entry.size_bytes += found.st_size
                    entry.used_s = max(entry.used_s, found.st_mtime if file.suffix == ".json" else 0.0)
                elif LEFT_BEHIND.fullmatch(file.name) and time.time() - found.st_mtime > LEFT_BEHIND_S:
                    file.unlink()
    return entries
