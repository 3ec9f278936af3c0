"""A hash chain of entries, one JSON line each: lines -> the hash of the last one, or the first entry that was changed."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import PoolError

MAX_LINE_BYTES = 1 << 15  # an entry is a few hundred bytes; a reader holds one line, whatever lies in the file
GENESIS = "genesis"

_KEYS = frozenset({"at", "details", "event", "hash", "number", "previous"})

Details: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened (`event`, `details`) and when (seconds since 1970 UTC), after the entry whose hash is `previous`.

    Raises PoolError if its line would be longer than a reader takes.
    """

    number: int
    at: int
    event: str
    details: Details
    previous: str
    hash: str = field(init=False)  # SHA-256 over the entry's canonical JSON without it, hexadecimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", hashlib.sha256(canonical(self._plain())).hexdigest())
        if len(self.line()) > MAX_LINE_BYTES:
            raise PoolError(f"an entry of the log may take {MAX_LINE_BYTES} bytes, got {len(self.line())}")

    def line(self) -> bytes:
        """The entry -> its line, without the line's end."""
        return canonical(self._plain() | {"hash": self.hash})

    def _plain(self) -> dict[str, object]:
        return {
            "at": self.at,
            "details": dict(self.details),
            "event": self.event,
            "number": self.number,
            "previous": self.previous,
        }


def genesis(site: str, salt: str, at: int) -> Entry:
    """A site's name -> the first entry of its chain. Heads go to peers; a secret `salt` keeps them from testing guesses at entries."""
    return Entry(0, at, GENESIS, {"site": site, "salt": salt}, "")


def following(last: Entry, at: int, event: str, details: Details) -> Entry:
    """The entry after `last`."""
    return Entry(last.number + 1, at, event, details, last.hash)


def parse(line: bytes, what: str) -> Entry:
    """One line -> its entry. Raises PoolError, naming `what`, for anything but the line that this entry has."""
    if len(line) > MAX_LINE_BYTES:
        raise PoolError(f"{what} may take {MAX_LINE_BYTES} bytes, got more")
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise PoolError(f"{what} was changed: it is no JSON: {err}") from err
    if not isinstance(plain, dict) or plain.keys() != _KEYS:
        raise PoolError(f"{what} was changed: wanted an object of {', '.join(sorted(_KEYS))}")
    details = plain["details"]
    if not isinstance(details, dict) or not all(type(value) in (str, int) for value in details.values()):
        raise PoolError(f"{what} was changed: its details must be texts and whole numbers")
    if {type(plain["at"]), type(plain["number"])} != {int} or {type(plain["event"]), type(plain["previous"])} != {str}:
        raise PoolError(f"{what} was changed: wanted whole numbers at `at` and `number`, texts at `event` and `previous`")
    entry = Entry(plain["number"], plain["at"], plain["event"], details, plain["previous"])
    if entry.line() != line:
        raise PoolError(f"{what} was changed: its hash or its form is another")
    return entry


def entries(lines: Iterable[bytes], after: Entry | None = None) -> Iterator[Entry]:
    """Lines -> their entries, one after the other, each after it was found to follow the one before, the first `after` if given.

    Raises PoolError with the number of the first entry that was edited, deleted, inserted or moved. Holds one entry at a time.
    """
    last = after
    for number, line in enumerate(lines, 0 if after is None else after.number + 1):
        entry = parse(line, f"entry {number}")
        if entry.number != number:
            raise PoolError(f"entry {number} is missing or was moved: entry {entry.number} stands in its place")
        if last is None and (entry.event != GENESIS or entry.previous):
            raise PoolError(f"entry 0 was changed: a chain begins with {GENESIS}, after nothing, got {entry.event}")
        if last is not None and entry.previous != last.hash:
            raise PoolError(f"entry {number - 1} was changed: entry {number} was written after another one")
        yield entry
        last = entry


def verify(lines: Iterable[bytes], known_heads: Collection[str] = ()) -> str:
    """All lines of a log -> its head, the hash of the last entry.

    `known_heads` are heads that others hold of this log: each must be the hash of one of its entries, or the log was cut off or
    written anew since. Raises PoolError with the first entry that is wrong.
    """
    missing, head, count = set(known_heads), "", 0
    for entry in entries(lines):
        missing.discard(entry.hash)
        head, count = entry.hash, count + 1
    if not head:
        raise PoolError("wanted a log with at least its first entry, got none")
    if missing:
        raise PoolError(f"the log was cut off or written anew: none of its {count} entries has the known head {min(missing)}")
    return head
