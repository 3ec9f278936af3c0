"""The ledger of a store: a hash chain of what came and what went. An entry is on the disk before anybody relies on it.

An image is in the store from the moment its entry is written, which its file precedes: a file without an entry is what a killed
process had begun. When it goes is in that entry and in the file's name, so that no later entry has to announce a deletion: the file
goes first, then the entry "deleted" is written. Killed in between, the next one finds it over and gone, and writes the entry. So
the ledger never tells of a deletion that did not happen, and nothing that is over waits for room in it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dpm_flower.core.chain_file import ChainFile, Place
from dpm_flower.core.errors import OutputError, PoolError, RetentionError
from dpm_flower.core.hash_chain import Details
from dpm_flower.data.retention.layout import LEDGER, SNAPSHOT
from dpm_flower.data.retention.ledger_snapshot import read_snapshot, write_snapshot
from dpm_flower.data.retention.ledger_state import Event, LedgerState, replayed

SITE = "retention store"
SNAPSHOT_ENTRIES = 2000  # between two snapshots: as many are read in a tenth of a second


class Ledger:
    """The ledger in a store's folder, for the one who holds the store's lock. `clock` tells the time that counts."""

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        self._path = folder / LEDGER
        self._snapshot = folder / SNAPSHOT
        self._file: ChainFile[Event] = ChainFile(self._path, SITE, clock, "ledger")
        self._state = LedgerState()
        self._place: Place | None = None  # of the last entry that is in the state
        self._since_snapshot = 0
        self._stamp: tuple[int, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return os.path.lexists(self._path)

    def state(self) -> LedgerState:
        """What is held now. Reads what was written since the last look, and at first what was written since the last snapshot.

        Raises RetentionError if the ledger is damaged there, naming the first entry that is wrong.
        """
        stamp = self._stamped()
        if stamp != self._stamp:
            self._catch_up()
            self._stamp = stamp
        return self._state

    def append(self, event: Event, **details: str | int) -> None:
        """Writes down what happened. Raises OutputError if it cannot be written, RetentionError if the ledger is damaged."""
        self.append_all([(event, details)])

    def append_all(self, happened: Sequence[tuple[Event, Details]]) -> None:
        """As `append`, of several things in one go; nothing is written where nothing happened."""
        if not happened:
            return
        if self.exists:
            self.state()
        with _as_retention():
            self._file.append_all(happened)
        self.state()
        if self._since_snapshot >= SNAPSHOT_ENTRIES and self._place is not None:
            with suppress(OutputError):  # it would have saved time
                write_snapshot(self._snapshot, self._place, self._state)
                self._since_snapshot = 0

    def replayed(self) -> LedgerState:
        """What is held by the whole ledger, whatever was remembered of it."""
        with _as_retention():
            return replayed(self._file.entries())

    def verify(self, known_heads: Sequence[str]) -> str:
        """Heads that were noted before -> the head. Raises RetentionError with the first entry that is wrong, or a head that is missing."""
        with _as_retention():
            return self._file.verify(known_heads)

    def gone(self) -> Iterator[str]:
        """The ids of all that has gone, by the ledger."""
        with _as_retention():
            yield from (str(entry.details["id"]) for entry in self._file.entries() if entry.event in ("deleted", "lost"))

    @property
    def head(self) -> str:
        """The hash of the last entry, worth noting elsewhere: it shows later that the ledger was not cut off."""
        with _as_retention():
            return self._file.head

    def _catch_up(self) -> None:
        """Brings the state to the last entry. What fits the ledger no more is forgotten, and all of it is read."""
        if self._place is None and (found := read_snapshot(self._snapshot)) is not None:
            self._place, self._state = found
        try:
            self._read_on()
        except RetentionError:
            if self._place is None:
                raise
            self._place, self._state, self._since_snapshot = None, LedgerState(), 0
            self._read_on()

    def _read_on(self) -> None:
        with _as_retention():
            for place, entry in self._file.entries_after(self._place):
                self._state.apply(entry.at, entry.event, entry.details)
                self._place = place
                self._since_snapshot += 1

    def _stamped(self) -> tuple[int, ...]:
        try:
            about = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return ()
        return about.st_ino, about.st_size, about.st_mtime_ns


@contextmanager
def _as_retention() -> Iterator[None]:
    try:
        yield
    except PoolError as err:
        raise RetentionError(str(err)) from err
