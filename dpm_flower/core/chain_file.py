"""A hash chain in a file, which several processes append to: what happened -> one line, there to stay."""

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dpm_flower.core import hash_chain
from dpm_flower.core.durable import sync_folder
from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.core.hash_chain import MAX_LINE_BYTES, Entry

TEXT_CHARACTERS = 512  # of any one detail: peers choose some of them, and reasons name two digests

EventT = TypeVar("EventT", bound=str)
MENDED = "mended"  # written by the log itself, about itself


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry's line begins in the file, in bytes, and the entry's hash."""

    start: int
    hash: str


class ChainFile(Generic[EventT]):
    """The log in the file `path`, of the site named `site`; no name: of whichever site it says. Made by the first `append`.

    Several processes may append at once. A line that a dying writer left unfinished is none: the next `append` takes its place and
    says so. `clock` gives seconds since 1970 UTC, and `called` what the log is called in messages.
    """

    def __init__(self, path: Path, site: str = "", clock: Callable[[], float] = time.time, called: str = "audit log") -> None:
        self._path = path
        self._kind, self._called = called, f"{called} {path}"
        self._site = site
        self._clock = clock

    def append(self, event: EventT, **details: str | int) -> str:
        """What happened -> the log's new head, once the entry is on the disk.

        Raises OutputError if it cannot be written (the log is then as it was), PoolError if the log is damaged or another site's.
        """
        return self.append_all([(event, details)])

    def append_all(self, happened: Sequence[tuple[EventT, hash_chain.Details]]) -> str:
        """As `append`, for several things that happened: an entry each, and all of them on the disk in one go.

        Whoever is killed in it leaves the first ones or none.
        """
        try:
            with self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
                return self._append(descriptor, happened)
        except OSError as err:
            raise OutputError(f"cannot write the {self._called}: {err.strerror}") from err

    @property
    def head(self) -> str:
        """The hash of the last entry. Raises PoolError if there is none."""
        return self.last.hash

    @property
    def last(self) -> Entry:
        """The last entry; those before it are not looked at. Raises PoolError if there is none."""
        with self._reading() as descriptor:
            last, _ = self._last(descriptor)
        if last is None:
            raise PoolError(f"the {self._called} has no entry")
        return last

    def entries(self) -> Iterator[Entry]:
        """The entries that were there when the first was asked for. Raises PoolError at the first that was changed."""
        return self._told(hash_chain.entries(self._lines()))

    def entries_after(self, known: Place | None) -> Iterator[tuple[Place, Entry]]:
        """The place of an entry that was read before, None for none -> the entries after it, each with its place.

        Raises PoolError if another entry or none stands there now, and at the first after it that was changed.
        """
        lines = self._lines(known.start if known else 0)
        start, anchor = 0, None
        if known is not None:
            line = next(lines, b"")
            anchor = hash_chain.parse(line, f"the entry at byte {known.start} of the {self._called}")
            if anchor.hash != known.hash:
                raise PoolError(f"the {self._called} has another entry at byte {known.start} than it had")
            start = known.start + len(line) + 1
        for entry in self._told(hash_chain.entries(lines, anchor)):
            yield Place(start, entry.hash), entry
            start += len(entry.line()) + 1

    def verify(self, known_heads: Collection[str] = ()) -> str:
        """Heads that others hold of this log -> its head. Raises PoolError for what hash_chain.verify refuses."""
        try:
            return hash_chain.verify(self._lines(), known_heads)
        except PoolError as err:
            raise PoolError(f"the {self._called}: {err}") from err

    def _append(self, descriptor: int, happened: Sequence[tuple[str, hash_chain.Details]]) -> str:
        last, end = self._last(descriptor)
        cut, at = os.fstat(descriptor).st_size - end, int(self._clock())
        new: list[Entry] = []
        if last is None:
            new.append(hash_chain.genesis(self._site, secrets.token_hex(16), at))
        else:
            self._check_site(descriptor)
            new.append(last)
        if cut:
            new.append(hash_chain.following(new[-1], at, MENDED, {"unfinished_bytes": cut}))
        for event, details in happened:
            short = {name: value[:TEXT_CHARACTERS] if isinstance(value, str) else value for name, value in details.items()}
            new.append(hash_chain.following(new[-1], at, event, short))
        self._write(descriptor, end, b"".join(entry.line() + b"\n" for entry in new if entry is not last))
        if last is None:
            sync_folder(self._path.parent)
        return new[-1].hash

    def _write(self, descriptor: int, end: int, data: bytes) -> None:
        # over the unfinished line, and its rest cut off after that: killed in between, it is unfinished again and told of again
        try:
            written = os.pwrite(descriptor, data, end)
            if written != len(data):
                raise OutputError(f"cannot write the {self._called}: {written} of {len(data)} bytes fit on the disk")
            os.ftruncate(descriptor, end + len(data))
            os.fsync(descriptor)
        except (OSError, OutputError):
            os.ftruncate(descriptor, end)
            raise

    def _check_site(self, descriptor: int) -> None:
        first = hash_chain.parse(os.pread(descriptor, MAX_LINE_BYTES, 0).partition(b"\n")[0], f"entry 0 of {self._path}")
        if self._site and first.details.get("site") != self._site:
            raise PoolError(f"wanted the {self._kind} of {self._site} at {self._path}, got that of {first.details.get('site')!r}")

    def _last(self, descriptor: int) -> tuple[Entry | None, int]:
        """-> the last whole entry, and where the bytes after it begin."""
        line, end = self._tail(descriptor)
        return hash_chain.parse(line, f"the last entry of {self._path}") if end else None, end

    def _tail(self, descriptor: int) -> tuple[bytes, int]:
        """-> the last whole line, and where the bytes after it begin: at 0 if there is none."""
        size = os.fstat(descriptor).st_size
        start = max(0, size - 2 * (MAX_LINE_BYTES + 1))  # room for an unfinished line and a whole one
        tail = os.pread(descriptor, size - start, start)
        end = tail.rfind(b"\n") + 1
        if not end and start:
            raise PoolError(f"the {self._called} is damaged: it ends in more than {MAX_LINE_BYTES} bytes without a line's end")
        return tail[tail.rfind(b"\n", 0, max(0, end - 1)) + 1 : max(0, end - 1)], start + end if end else 0

    def _lines(self, start: int = 0) -> Iterator[bytes]:
        with self._reading() as descriptor:
            _, left = self._tail(descriptor)
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                left -= start
                while left > 0:
                    line = file.readline(min(left, MAX_LINE_BYTES + 1))
                    left -= len(line)
                    yield line.removesuffix(b"\n")
        except OSError as err:
            raise PoolError(f"cannot read the {self._called}: {err.strerror}") from err

    def _told(self, found: Iterator[Entry]) -> Iterator[Entry]:
        try:
            yield from found
        except PoolError as err:
            raise PoolError(f"the {self._called}: {err}") from err

    @contextmanager
    def _reading(self) -> Iterator[int]:
        try:
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                yield descriptor
        except OSError as err:
            raise PoolError(f"cannot read the {self._called}: {err.strerror}") from err

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[int]:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, lock)
            yield descriptor
        finally:
            os.close(descriptor)
