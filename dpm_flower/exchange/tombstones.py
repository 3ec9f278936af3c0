"""Tombstones: what is left of a release that was withdrawn or has expired. Small files, so that they outlive any index."""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.exchange import layout
from dpm_flower.exchange.listing import ENDED, LISTING_KEYS, Ended, Listing
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.rules import SHA256

MAX_TOMBSTONE_BYTES = 1 << 20  # a release may have 1024 recipients with names of 128 characters
REASON_CHARACTERS = 512  # as in the audit log

_KEYS = frozenset({"at", "listing", "reason"})


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A listing that is withdrawn or expired, since when (seconds since 1970 UTC), and why."""

    listing: Listing
    at: int
    reason: str

    @property
    def ended(self) -> Ended:
        """Which of the two it is."""
        return "withdrawn" if self.listing.state == "withdrawn" else "expired"


class Tombstones:
    """The tombstones of the pool in `folder`. Reading makes nothing there."""

    def __init__(self, folder: Path) -> None:
        self._pool = folder

    def digests(self) -> Set[str]:
        """The digests of the releases that have one. Raises PoolError if they cannot be listed."""
        try:
            return {path.stem for path in (self._pool / layout.TOMBSTONES).glob("*.json") if SHA256.fullmatch(path.stem)}
        except OSError as err:
            raise PoolError(f"cannot list the tombstones of the pool {self._pool}: {err}") from err

    def has(self, digest: str) -> bool:
        """Whether a release has one, legible or not."""
        return layout.tombstone(self._pool, digest).is_file()

    def get(self, digest: str) -> Tombstone | None:
        """A release's digest -> its tombstone, or None. Raises PoolError for one that is damaged: the release stays buried."""
        path = layout.tombstone(self._pool, digest)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_TOMBSTONE_BYTES + 1)
            fields = Fields.parse(data, "a tombstone", _KEYS, MAX_TOMBSTONE_BYTES)
            listing = Listing.from_plain(fields.object("listing", LISTING_KEYS))
        except FileNotFoundError:
            return None
        except (OSError, ReleaseError) as err:
            raise PoolError(f"the tombstone {path} is damaged: {err}") from err
        if listing.digest != digest or listing.state not in ENDED:
            raise PoolError(f"the tombstone {path} is damaged: it stands for {listing.digest}, {listing.state}")
        return Tombstone(listing, fields.integer("at"), fields.text("reason"))

    def put(self, tombstone: Tombstone) -> None:
        """Raises OutputError if it cannot be written."""
        plain = {"at": tombstone.at, "listing": tombstone.listing.to_plain(), "reason": tombstone.reason[:REASON_CHARACTERS]}
        with whole_file(layout.tombstone(self._pool, tombstone.listing.digest)) as partial:
            partial.write_bytes(canonical(plain))
