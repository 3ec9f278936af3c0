"""Decoded images on disk: a data set is decoded once, and then mapped by every process that reads it."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.data.cache_entry import Origin, image_bytes, read_entry, write_entry
from dpm_flower.data.cache_room import drop_orphans, make_room
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.undecoded import Undecoded

FOLDER, ROOM_GB = "DPM_FLOWER_CACHE", "DPM_FLOWER_CACHE_GB"
OFF = ("", "off")
USUAL_ROOM_GB = 20.0
GB = 10**9


@dataclass(frozen=True, slots=True)
class ImageCache:
    """A folder that only its owner may enter, with the images of the data sets that were used last.

    The images in it are as private as the files that they come from. They lie in DPM_FLOWER_CACHE, else in dpm-flower below
    XDG_CACHE_HOME or ~/.cache; an empty DPM_FLOWER_CACHE, or "off", keeps nothing on disk. All together take up to
    DPM_FLOWER_CACHE_GB gigabytes (20 if it is not set); what was not used for longest goes first, the newest stays however
    large it is. A cache that cannot be written, or is damaged, costs time and nothing else: the images are then decoded anew.

    Whenever a data set is looked for, what was decoded from files that are gone meanwhile, or from an earlier state of the same
    files, is deleted. That happens at the next use and not before, and deleted is not overwritten: a site whose images must
    leave no copy, or no longer than a given time, sets DPM_FLOWER_CACHE=off (images are then decoded into the memory of every
    process), or to a folder on a volume that is encrypted and goes with the images.
    """

    folder: Path | None  # None: switched off
    room_bytes: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ImageCache":
        """Environment variables -> the cache that they ask for. Raises SettingError for room that is no number."""
        try:
            room_gb = float(environment.get(ROOM_GB, USUAL_ROOM_GB))
        except ValueError as err:
            raise SettingError(f"wanted {ROOM_GB} as a number of gigabytes, got {environment[ROOM_GB]!r}") from err
        if not 0 <= room_gb < float("inf"):
            raise SettingError(f"wanted {ROOM_GB} as a finite number of gigabytes, at least 0, got {environment[ROOM_GB]!r}")
        chosen = environment.get(FOLDER)
        if chosen is None:
            usual = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".cache"
            folder: Path | None = Path(usual) / "dpm-flower"
        else:
            folder = None if chosen in OFF else Path(chosen).expanduser()
        return cls(folder / "images" if folder else None, int(room_gb * GB))

    def find(self, key: str, origin: Origin) -> DataSet | None:
        """A key and where its files lie -> the data set kept under it, its images mapped: pages that nobody writes to are shared by all."""
        if self.folder is None:
            return None
        drop_orphans(self.folder, origin)
        return read_entry(self.folder, key)

    def keep(self, key: str, undecoded: Undecoded, origin: Origin) -> DataSet:
        """A data set not yet decoded and where its files lie -> the same, decoded onto disk and mapped from there.

        Into memory where that cannot be.

        Raises what its files and `DataSet` raise.
        """
        if self.folder is None or not _usable(self.folder, image_bytes(undecoded)):
            return undecoded.decoded()
        try:
            write_entry(self.folder, key, undecoded, origin)
        except OutputError:
            return undecoded.decoded()
        make_room(self.folder, self.room_bytes, key)
        return read_entry(self.folder, key) or undecoded.decoded()


def _usable(folder: Path, size_bytes: int) -> bool:
    """Whether the folder is there, its owner's alone, and on a disk with that much space."""
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # it may have been there, open to others
        return shutil.disk_usage(folder).free > size_bytes and os.access(folder, os.W_OK)
    except OSError:
        return False
