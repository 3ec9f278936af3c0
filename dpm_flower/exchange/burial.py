"""Releases that end: withdrawn or expired, their shards are deleted and a tombstone keeps them from coming back."""

from dataclasses import replace

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.exchange.listing import ENDED, Ended, Listing
from dpm_flower.exchange.parts import Parts
from dpm_flower.exchange.rebuilding import asked
from dpm_flower.exchange.tombstones import Tombstone


def bury(parts: Parts, digest: str, ended: Ended, reason: str) -> bool:
    """A listed release's digest -> whether it ended now; False if it had ended before.

    The tombstone comes first: killed after it, opening the pool does the rest. Raises OutputError where the disk does not take it.
    """
    try:
        with parts.staging.mutex():
            listing = asked(parts, lambda index: index.get(digest))
            if listing is None or listing.state in ENDED:
                return False
            tombstone = Tombstone(replace(listing, state=ended), int(parts.clock()), reason)
            parts.tombstones.put(tombstone)
            enter(parts, tombstone)
            sweep_buried(parts, digest)
    except OSError as err:
        raise OutputError(f"cannot remove release {digest} from {parts.folder}: {err}") from err
    return True


def enter(parts: Parts, tombstone: Tombstone) -> None:
    """Tells the audit log and the index of a tombstone. For the one who holds the mutex."""
    listing = tombstone.listing
    parts.audit_log.append(tombstone.ended, digest=listing.digest, sender=listing.sender, reason=tombstone.reason)
    asked(parts, lambda index: index.put(listing))


def sweep_buried(parts: Parts, digest: str) -> None:
    """Removes what lies here of a release that has a tombstone. One who is writing it just now removes it himself.

    For the one who holds the mutex: nobody else then looks whether it is idle, so that only a writer can make it busy.
    """
    with parts.staging.idle(digest) as idle:
        if idle:
            parts.remove(digest)


def refuse_buried(parts: Parts, listing: Listing) -> None:
    """Raises ReleaseError if the release, or one that its sender gave the same name, was withdrawn or has expired here."""
    if parts.tombstones.has(listing.digest):
        raise ReleaseError(f"release {listing.digest} of {listing.sender} was withdrawn or has expired; it does not come back")
    for other in asked(parts, lambda index: index.named(listing.sender, listing.campaign, listing.sequence)):
        if other.state in ENDED:
            raise ReleaseError(
                f"{listing.sender}'s sequence {listing.sequence} of {listing.campaign} is {other.state}, as release {other.digest}; "
                f"it does not come back as {listing.digest}"
            )
