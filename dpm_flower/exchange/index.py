"""The index: which releases a pool lists, in SQLite. It says what is listed; what lies in the folders is read and verified there."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange import database
from dpm_flower.exchange.listing import LISTING_KEYS, Listing, State
from dpm_flower.payload.fields import Fields

SCHEMA_VERSION = 1

_COLUMNS = tuple(Listing.__dataclass_fields__)
_TEXTS = ("digest", "payload_digest", "sender", "campaign", "method", "recipients", "state")
_SCHEMA = f"""
    CREATE TABLE releases (
        {", ".join(f"{name} {'TEXT' if name in _TEXTS else 'INTEGER'} NOT NULL" for name in _COLUMNS)},
        PRIMARY KEY (digest)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX by_name ON releases (sender, campaign, sequence);
    PRAGMA user_version = {SCHEMA_VERSION};
"""
_PUT = f"INSERT OR REPLACE INTO releases ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)})"
_GET = f"SELECT {', '.join(_COLUMNS)} FROM releases"


class Index:
    """The listings of one pool in the file `path`. Several processes may use it at once.

    Every verb raises PoolError where the file is missing, damaged or busy for long, OutputError where the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_sound(self) -> bool:
        """Whether the file is there, undamaged, and of this schema."""
        return database.version(self._path) == SCHEMA_VERSION

    def create(self, listings: Iterable[Listing]) -> None:
        """Listings -> a new file of them in the old one's place. For one process at a time; readers see the old, none, or the new."""
        new = self._path.with_name(f"{self._path.name}.new")
        _remove(new)
        with database.connection(new, create=True) as opened:
            opened.execute("PRAGMA journal_mode = WAL")  # stays with the file: readers and a writer do not wait for each other
            opened.executescript(_SCHEMA)
            opened.execute("BEGIN")
            opened.executemany(_PUT, [_row(listing) for listing in listings])
            opened.execute("COMMIT")
        _remove(self._path)  # with its journal, which must never be taken for the new file's
        new.replace(self._path)

    def put(self, listing: Listing) -> None:
        """A listing, in the place of the one with its digest if there is one."""
        with database.writing(self._path) as opened:
            opened.execute(_PUT, _row(listing))

    def get(self, digest: str) -> Listing | None:
        """A release's digest -> its listing, or None."""
        return next(iter(self._listings("WHERE digest = ?", digest)), None)

    def states(self) -> dict[str, State]:
        """Digest -> state of all that is listed."""
        return {listing.digest: listing.state for listing in self._listings("")}

    def listings(self, campaign: str | None = None) -> list[Listing]:
        """All listings, or a campaign's, in the order in which they were admitted."""
        where, *values = ("",) if campaign is None else ("WHERE campaign = ?", campaign)
        return self._listings(f"{where} ORDER BY admitted_at, digest", *values)

    def named(self, sender: str, campaign: str, sequence: int) -> list[Listing]:
        """The releases that were given this name for good; more than one only if its sender enveloped one manifest twice."""
        return self._listings("WHERE sender = ? AND campaign = ? AND sequence = ?", sender, campaign, sequence)

    def _listings(self, condition: str, *values: str | int) -> list[Listing]:
        with database.connection(self._path) as opened:
            rows = opened.execute(f"{_GET} {condition}", values).fetchall()
        try:
            return [_listing(row) for row in rows]
        except (ValueError, ReleaseError) as err:
            raise PoolError(f"{self._path} is damaged: {err}") from err


def _row(listing: Listing) -> list[object]:
    plain = listing.to_plain() | {"recipients": json.dumps(listing.recipients)}
    return [plain[name] for name in _COLUMNS]


def _listing(row: tuple[str | int, ...]) -> Listing:
    plain: dict[str, object] = dict(zip(_COLUMNS, row, strict=True))
    return Listing.from_plain(Fields(plain | {"recipients": json.loads(str(plain["recipients"]))}, "a row", LISTING_KEYS))


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        try:
            os.unlink(path.with_name(name))
        except FileNotFoundError:
            continue
