"""A day's labelled images in a folder -> the same in a store that deletes them on time; what cannot be used is put aside by name."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dpm_flower.core.errors import DataError, GoneError, OutputError, RetentionError, SettingError
from dpm_flower.data.picture_checks import EXTENSIONS, decoded_size
from dpm_flower.data.retention.inbox_files import files_in
from dpm_flower.data.retention.rejected import clear, erase_file, put_aside
from dpm_flower.data.retention.store import RetentionStore, read_source
from dpm_flower.data.voc_xml import boxes_of

XML = ".xml"

Outcome: TypeAlias = Literal["taken", "rejected", "over"]
Note: TypeAlias = Callable[[Outcome, str, int, str], None]  # what became of a file, its path in the inbox, when it came, its id or why


@dataclass(slots=True)
class Inbox:
    """What became of the files, by their paths in the inbox: the id in the store, or why they were put aside; which were over already,
    and were erased; which wait, since they came just now; and how many that had been put aside earlier, or were hidden, were erased,
    since their time was over.
    """

    taken: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    cleared: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
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
    killed in between, it is taken in twice, never lost. Names that begin with a dot are not taken in: so does one write who is not done.
    These, and what was put aside, live as long as images do: they are erased by the first call after that, or by `clear_left`.
    What cannot be used waits for `grace_s` seconds since it was last written to: an annotation may be on its way. Before anything is
    erased here or put aside it is told to `note`: again where a killed process does it again, with the same path and time.
    Raises OutputError where a disk takes no more, once all else is done: what was not done is then still in the inbox, but for what is
    over, which is erased all the same. Raises RetentionError where the store takes nothing in, and ends with that.
    """
    failed = list[OutputError]()
    done = Inbox()
    with collected(failed):
        done.cleared = clear_left(inbox, store)
    found = files_in(inbox)
    failed += found.failed
    for entry in entries_of(found.came):
        with collected(failed):
            _take(inbox, store, classes, entry, grace_s, note, done)
    if failed:
        raise failed[0]
    return done


@contextmanager
def collected(failed: list[OutputError]) -> Iterator[None]:
    """A block whose OutputError costs nothing but the block."""
    try:
        yield
    except OutputError as err:
        failed.append(err)


def _take(inbox: Path, store: RetentionStore, classes: Collection[str], entry: Entry, grace_s: int, note: Note, done: Inbox) -> None:
    """One entry goes where it belongs, and what became of it stands in `done`."""
    name = str(entry.files[0].relative_to(inbox))
    try:
        came, changed = entry.came_at, entry.changed_at
    except FileNotFoundError:
        return  # whoever writes here is at work on it
    except OSError as err:
        raise OutputError(f"cannot look at a file of the inbox {inbox}: {err.strerror}") from err
    try:
        content, labels = _checked(inbox, entry, classes)
        done.taken[name] = store.add(content, came, labels)
    except GoneError:
        _erase_over(entry, name, came, note, done)
    except (DataError, SettingError) as err:
        now = store.now()
        if grace_s and now - changed < grace_s:
            done.waiting.append(name)
        elif came <= now - store.policy.ttl_s:  # put aside it would go at once
            _erase_over(entry, name, came, note, done)
        else:
            note("rejected", name, came, str(err))
            done.rejected[name] = str(err)
            put_aside(inbox, entry.files, str(err), came)
    else:
        note("taken", name, came, done.taken[name])
        _erase(entry)


def _erase_over(entry: Entry, name: str, came: int, note: Note, done: Inbox) -> None:
    """Its time is over whether or not somebody can be told."""
    done.over.append(name)
    try:
        note("over", name, came, "")
    finally:
        _erase(entry)


def _erase(entry: Entry) -> None:
    for file in entry.files:
        erase_file(file)


def clear_left(inbox: Path, store: RetentionStore) -> int:
    """An inbox and its store -> how many files were erased that are as old as images become: put aside, reasons among them, or hidden.

    Raises RetentionError where nobody knows how late it is, OutputError for what cannot be erased, once all else is.
    """
    before_s = store.now() - store.policy.ttl_s
    failed, erased = list[OutputError](), 0
    with collected(failed):
        erased = clear(inbox, before_s)
    for path in files_in(inbox).hidden:
        with collected(failed), suppress(FileNotFoundError):
            if came_at(path) <= before_s:
                erase_file(path)
                erased += 1
    if failed:
        raise failed[0]
    return erased


def _checked(inbox: Path, entry: Entry, classes: Collection[str]) -> tuple[bytes, dict[str, Any]]:
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


def entries_of(files: Sequence[Path]) -> list[Entry]:
    """All that came, by name; an annotation goes with the images that have its name."""
    annotations: dict[Path, Path] = {}
    others: dict[Path, list[Path]] = {}
    entries = []
    for path in sorted(files):
        stem = path.with_suffix("")
        if path.suffix.lower() != XML:
            others.setdefault(stem, []).append(path)
        elif stem not in annotations:
            annotations[stem] = path
        else:  # the same name with another spelling of .xml
            entries.append(Entry((), path))
    for stem in sorted(annotations.keys() | others.keys()):
        found, xml = tuple(others.get(stem, ())), annotations.get(stem)
        entries += [Entry(found, xml)] if xml is not None else [Entry((path,), None) for path in found]
    return entries
