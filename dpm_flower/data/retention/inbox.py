"""A day's labelled images in a folder -> the same in a store that deletes them on time; what cannot be used is put aside by name."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dpm_flower.core.errors import DataError, GoneError, OutputError, RetentionError, SettingError
from dpm_flower.data.picture_checks import EXTENSIONS, decoded_size
from dpm_flower.data.retention.rejected import REJECTED, clear, erase_file, put_aside
from dpm_flower.data.retention.store import RetentionStore, read_source
from dpm_flower.data.voc_xml import boxes_of

XML = ".xml"

Outcome: TypeAlias = Literal["taken", "rejected", "over"]
Note: TypeAlias = Callable[[Outcome, str, int, str], None]  # what became of a file, its path in the inbox, when it came, its id or why


@dataclass(slots=True)
class Inbox:
    """What became of the files, by their paths in the inbox: the id in the store, or why they were put aside; which were over already,
    and were erased; which wait, since they came just now; and how many that had been put aside earlier were erased, since their time
    was over.
    """

    taken: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    cleared: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """Files that belong together: an image and its annotation, if it has one; or what is alone or too many."""

    images: tuple[Path, ...]
    xml: Path | None

    @property
    def files(self) -> list[Path]:
        """All of them, the image first."""
        return [*self.images, *([self.xml] if self.xml is not None else [])]

    @property
    def came_at(self) -> int:
        """When the first of them came to where it lies. Other times of a file travel with it, and may be those of a camera."""
        return min(map(came_at, self.files))

    @property
    def changed_at(self) -> int:
        """When the last of them came, or was written to."""
        return max(map(came_at, self.files))


def came_at(path: Path) -> int:
    """A file -> when it came to where it lies or was written to, whichever is later; seconds since 1970 UTC."""
    return int(path.lstat().st_ctime)


def _unnoted(*_: object) -> None:
    """Notes nothing."""


def take_in(inbox: Path, store: RetentionStore, classes: Collection[str], *, grace_s: int = 0, note: Note = _unnoted) -> Inbox:
    """An inbox, the store, and the names of the classes -> what became of each file.

    INBOX/CLASS/IMAGE has a class; INBOX/IMAGE has boxes, in a VOC annotation of the same name beside it (IMAGE.xml), and so may an
    image in a class's folder. The labels in the store are {"class": name} and {"boxes": [[name, xmin, ymin, xmax, ymax], …]}, with
    {"size": [width, height]}. An image came when its file came to the inbox. Each is safely in the store before it is erased here;
    killed in between, it is taken in twice, never lost. Names that begin with a dot are left alone: so does one write who is not done.
    What was put aside lives as long as images do: it is erased by the first call after that, or by `clear_rejected`.
    What cannot be used waits for `grace_s` seconds since it was last written to: an annotation may be on its way. Before anything is
    erased here or put aside it is told to `note`: again where a killed process does it again, with the same path and time.
    Raises OutputError where a disk takes no more, and RetentionError where the store takes nothing in: what was not done yet is then
    still in the inbox.
    """
    done = Inbox(cleared=clear_rejected(inbox, store))
    for entry in _entries(inbox):
        name = str(entry.files[0].relative_to(inbox))
        try:
            came, changed = entry.came_at, entry.changed_at
        except FileNotFoundError:
            continue  # whoever writes here is at work on it
        try:
            content, labels = _checked(inbox, entry, classes)
            done.taken[name] = store.add(content, came, labels)
        except GoneError:
            note("over", name, came, "")
            done.over.append(name)
        except (DataError, SettingError) as err:
            if grace_s and store.now() - changed < grace_s:
                done.waiting.append(name)
                continue
            note("rejected", name, came, str(err))
            done.rejected[name] = str(err)
            put_aside(inbox, entry.files, str(err), came)
            continue
        else:
            note("taken", name, came, done.taken[name])
        for file in entry.files:
            erase_file(file)
    return done


def clear_rejected(inbox: Path, store: RetentionStore) -> int:
    """An inbox and its store -> how many files that were put aside were erased, reasons among them: all that are as old as images become.

    Raises RetentionError where nobody knows how late it is, OutputError for what cannot be erased.
    """
    return clear(inbox, store.now() - store.policy.ttl_s)


def _checked(inbox: Path, entry: _Entry, classes: Collection[str]) -> tuple[bytes, dict[str, Any]]:
    """-> the image's bytes and its labels. Raises DataError, saying what is wrong."""
    if len(entry.images) != 1:
        raise DataError(f"wanted one image beside the annotation, got {len(entry.images) or 'none'}")
    image = entry.images[0]
    if image.suffix.lower() not in EXTENSIONS:
        raise DataError(f"wanted an image ({', '.join(EXTENSIONS)}) or an annotation ({XML})")
    path = image.relative_to(inbox)
    of_class = path.parts[0] if len(path.parts) > 1 else None
    if of_class is not None and of_class not in classes:
        raise DataError(f"wanted one of the classes {', '.join(sorted(classes))}, got {of_class!a}")
    if of_class is None and entry.xml is None:
        raise DataError("wanted an annotation beside the image, or the image in the folder of its class, got neither")
    content = _bytes(image)
    size = decoded_size(content, str(path))
    labels: dict[str, Any] = {"size": list(size)} | ({"class": of_class} if of_class is not None else {})
    if entry.xml is not None:
        labels["boxes"] = [[box.name, *box.corners] for box in boxes_of(_bytes(entry.xml), size, classes)]
    return content, labels


def _bytes(path: Path) -> bytes:
    try:
        return read_source(path)
    except RetentionError as err:
        raise DataError(str(err)) from err


def _entries(inbox: Path) -> list[_Entry]:
    """All that lies in the inbox, by name; an annotation goes with the images that have its name."""
    annotations: dict[Path, Path] = {}
    others: dict[Path, list[Path]] = {}
    entries = []
    for path in sorted(_files(inbox)):
        stem = path.with_suffix("")
        if path.suffix.lower() != XML:
            others.setdefault(stem, []).append(path)
        elif stem not in annotations:
            annotations[stem] = path
        else:  # the same name with another spelling of .xml
            entries.append(_Entry((), path))
    for stem in sorted(annotations.keys() | others.keys()):
        found, xml = tuple(others.get(stem, ())), annotations.get(stem)
        entries += [_Entry(found, xml)] if xml is not None else [_Entry((path,), None) for path in found]
    return entries


def _files(inbox: Path) -> list[Path]:
    found = []
    try:
        for place, folders, names in os.walk(inbox, onerror=_raise):
            links = [name for name in folders if Path(place, name).is_symlink()]
            hidden = {name for name in folders if name.startswith(".") or (Path(place) == inbox and name == REJECTED)}
            folders[:] = [name for name in folders if name not in hidden and name not in links]
            found += [Path(place, name) for name in names + links if not name.startswith(".")]
    except OSError as err:
        raise OutputError(f"cannot read the inbox {inbox}: {err}") from err
    return found


def _raise(err: OSError) -> None:
    raise err
