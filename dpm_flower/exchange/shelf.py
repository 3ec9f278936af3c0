"""What a server serves from: the releases of an entity or a relay, by their digests; and a pool as such a shelf."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.pool import Pool


@dataclass(frozen=True, slots=True)
class OnShelf:
    """One release here, and who may have it; no `recipients`: every entity on the roster."""

    digest: str
    sender: str
    recipients: tuple[str, ...]

    def is_for(self, peer: str) -> bool:
        """Whether this peer may know of it and have it."""
        return not self.recipients or peer == self.sender or peer in self.recipients


class Shelf(Protocol):
    """Releases by their digests. Every verb raises PoolError for one that is not here, or not any more."""

    def listing(self, campaign: str | None) -> Iterable[OnShelf]:
        """The releases of a campaign, or of all."""
        ...

    def find(self, digest: str) -> OnShelf:
        """One release; also one that is served no more, if it is known whose it was."""
        ...

    def envelope(self, digest: str) -> bytes:
        """Its envelope, as it was signed."""
        ...

    def open_shard(self, digest: str, position: int, offset: int) -> tuple[int, Iterator[bytes]]:
        """The whole shard's size in bytes, and what it holds from the offset on, in chunks."""
        ...

    def withdraw(self, digest: str, reason: str) -> None:
        """Serves it no more."""
        ...


@dataclass(frozen=True, slots=True)
class PoolShelf:
    """A pool as a shelf. Of releases that ended it still says whose they were, and gives nothing."""

    pool: Pool

    def listing(self, campaign: str | None) -> list[OnShelf]:
        """The releases of a campaign, or of all, that are held."""
        return [_on_shelf(listing) for listing in self.pool.listing(campaign) if listing.state == "held"]

    def find(self, digest: str) -> OnShelf:
        """One release."""
        return _on_shelf(self.pool.find(digest))

    def envelope(self, digest: str) -> bytes:
        """Its envelope, as it was signed."""
        return self.pool.envelope(digest).to_bytes()

    def open_shard(self, digest: str, position: int, offset: int) -> tuple[int, Iterator[bytes]]:
        """The whole shard's size in bytes, and what it holds from the offset on, in chunks."""
        return self.pool.shard_size(digest, position), self.pool.open_shard(digest, position, offset)

    def withdraw(self, digest: str, reason: str) -> None:
        """Serves it no more; again changes nothing."""
        self.pool.withdraw(digest, reason)


def _on_shelf(listing: Listing) -> OnShelf:
    return OnShelf(listing.digest, listing.sender, listing.recipients)
