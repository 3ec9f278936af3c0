"""An index that is gone or damaged -> a new one, from the releases' folders and the tombstones."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange import stored
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.parts import Parts

Answer = TypeVar("Answer")


def asked(parts: Parts, act: Callable[[Index], Answer]) -> Answer:
    """What `act` answers of the index, which is made anew first if it turns out to be gone or damaged.

    Raises PoolError where that does not help, OutputError where the disk does not take it.
    """
    try:
        return act(parts.index)
    except PoolError:
        mend(parts)
    return act(parts.index)


def mend(parts: Parts) -> bool:
    """Makes the index anew unless it is sound: whether it did. Raises as `asked`."""
    try:
        with parts.staging.mutex():
            if parts.index.is_sound():
                return False
            parts.index.create(_listings(parts))
            return True
    except OSError as err:
        raise PoolError(f"cannot list the pool {parts.folder}: {err}") from err


def listed(parts: Parts, digest: str) -> Listing:
    """A release that lies here -> its listing, held if all shards have their sizes. Raises PoolError without a readable envelope."""
    envelope = stored.envelope(parts.folder, digest)
    try:
        whole = stored.has_sizes(parts.store, digest, Claim.of(envelope).shards)
        admitted_at = int(parts.envelope_path(digest).stat().st_mtime)  # set when it was admitted: see admission
        return Listing.of(digest, envelope, "held" if whole else "damaged", admitted_at)
    except ReleaseError as err:
        raise PoolError(f"release {digest} in {parts.folder} cannot be listed: {err}") from err


def _listings(parts: Parts) -> Iterator[Listing]:
    """Sizes are compared and no more: reading every byte of a large pool takes hours, and whoever reads a release verifies it."""
    buried = parts.tombstones.digests()
    for digest in sorted(parts.folders() - buried):
        try:
            yield listed(parts, digest)
        except PoolError:
            continue  # unfinished or past reading: `tidy` decides, when the pool is opened
    for digest in sorted(buried):
        try:
            tombstone = parts.tombstones.get(digest)
        except PoolError:
            continue  # illegible, and heeded all the same
        if tombstone is not None:
            yield tombstone.listing
