"""What opening a pool puts right: folder, tombstones and index agree again, whoever was killed in between."""

from dataclasses import replace

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange import stored
from dpm_flower.exchange.burial import enter, sweep_buried
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.listing import State
from dpm_flower.exchange.parts import Parts
from dpm_flower.exchange.rebuilding import asked, listed, mend


def tidy(parts: Parts) -> None:
    """A pool's parts -> the same, agreeing with each other, and a line of the audit log that says what it took.

    A release without a listing is verified and listed, or swept if it never was finished; a listing without its release is marked
    damaged; a tombstone's release goes. All OSErrors pass through; raises as the parts do.
    """
    with parts.staging.mutex():
        parts.staging.sweep()
        rebuilt = mend(parts)
        states = asked(parts, lambda index: index.states())
        buried = parts.tombstones.digests()
        here = parts.folders()
        for digest in sorted(buried):
            _end(parts, digest, states.get(digest), lies_here=digest in here)
        found = [_take_in(parts, digest) for digest in sorted(here - states.keys() - buried)]
        held = [digest for digest, state in sorted(states.items()) if state == "held" and digest not in buried]
        lost = [digest for digest in held if not parts.envelope_path(digest).exists()]
        for digest in lost:
            _mark_damaged(parts, digest)
        parts.audit_log.append(
            "opened", index="rebuilt" if rebuilt else "sound", found=found.count("listed"), swept=found.count("swept"), lost=len(lost)
        )


def _end(parts: Parts, digest: str, state: State | None, *, lies_here: bool) -> None:
    """Does what the one who wrote the tombstone did not come to."""
    try:
        tombstone = parts.tombstones.get(digest)
    except PoolError:
        tombstone = None  # illegible: its release is refused all the same, and cannot be listed
    if tombstone is not None and state != tombstone.listing.state:
        enter(parts, tombstone)
    if lies_here:
        sweep_buried(parts, digest)


def _take_in(parts: Parts, digest: str) -> str:
    """A folder without a listing: "listed", "swept", or "busy" if its writer lives."""
    with parts.staging.idle(digest) as idle:
        if not idle:
            return "busy"
        try:
            listing = listed(parts, digest)
        except PoolError:
            parts.remove(digest)
            return "swept"
        if listing.state == "held" and not _is_whole(parts, digest):
            listing = replace(listing, state="damaged")
    parts.audit_log.append("admitted", digest=digest, sender=listing.sender, found="when the pool was opened")
    asked(parts, lambda index: index.put(listing))
    return "listed"


def _is_whole(parts: Parts, digest: str) -> bool:
    try:
        stored.check(parts.store, digest, Claim.of(stored.envelope(parts.folder, digest)).shards, f"in {parts.folder}")
    except (PoolError, ReleaseError):
        return False
    return True


def _mark_damaged(parts: Parts, digest: str) -> None:
    listing = asked(parts, lambda index: index.get(digest))
    if listing is not None:
        asked(parts, lambda index: index.put(replace(listing, state="damaged")))
