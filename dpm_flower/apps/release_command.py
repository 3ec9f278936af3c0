"""`dpm-flower release`: a pool's folder -> what is in it, on the standard output, or one release out of it."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import PoolError
from dpm_flower.exchange import layout
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.release_file import SUFFIX, write_release

LEAST_DIGITS = 8  # of a digest: fewer are a slip, and withdrawing cannot be undone

_HEAD = ("digest", "state", "sender", "campaign", "seq.", "round", "samples", "MB", "expires", "method")


def list_all(pool: Path, campaign: str | None) -> int:
    """A pool and a campaign, or None for all -> the exit code, after a line for each release."""
    return exit_code(lambda: print_table([cells(listing, listing.state) for listing in opened(pool).listing(campaign)]))


def show(pool: Path, digest: str) -> int:
    """A pool and the beginning of a release's digest -> the exit code, after its listing, shards or tombstone as JSON."""
    return exit_code(lambda: _show(opened(pool), digest))


def verify(pool: Path, digest: str) -> int:
    """A pool and the beginning of a release's digest -> the exit code; every byte is compared with what the envelope says."""

    def work() -> None:
        held = opened(pool)
        whole = found(held, digest).digest
        claim = held.verify(whole)
        print(f"{whole}: {len(claim.shards)} shards, {claim.size_bytes} bytes, all as its envelope says; signatures were not checked")

    return exit_code(work)


def export(pool: Path, digest: str, to: Path) -> int:
    """A pool, the beginning of a release's digest, and a file or a folder to write to -> the exit code."""

    def work() -> None:
        held = opened(pool)
        whole = found(held, digest).digest
        path = to / f"{whole}{SUFFIX}" if to.is_dir() else to
        write_release(held, whole, path)
        print(path)

    return exit_code(work)


def withdraw(pool: Path, digest: str, reason: str) -> int:
    """A pool, the beginning of a release's digest, and why -> the exit code."""

    def work() -> None:
        held = opened(pool)
        whole = found(held, digest).digest
        held.withdraw(whole, reason)
        print(f"{whole}: {held.find(whole).state}")

    return exit_code(work)


def opened(folder: Path) -> Pool:
    """A folder that is a pool -> the pool. Raises PoolError for one that is none, since opening it would make it one."""
    if not (folder / layout.RELEASES).is_dir():
        raise PoolError(f"{folder} is no pool: it has no folder {layout.RELEASES}")
    return Pool(folder)


def found(pool: Pool, beginning: str) -> Listing:
    """The one release whose digest begins so, in 8 digits or more. Raises PoolError if there is none, or more than one."""
    listings = {listing.digest: listing for listing in pool.listing()}
    return listings[one_beginning(beginning, listings)]


def one_beginning(beginning: str, digests: Iterable[str]) -> str:
    """The one of these digests that begins so. Raises PoolError as `found` does."""
    if len(beginning) < LEAST_DIGITS:
        raise PoolError(f"wanted {LEAST_DIGITS} digits of a release's digest or more, got {beginning!r}")
    fitting = [digest for digest in digests if digest.startswith(beginning)]
    if len(fitting) != 1:
        raise PoolError(f"wanted the beginning of one release's digest, got {beginning!r}, with which {len(fitting)} begin")
    return fitting[0]


def _show(pool: Pool, beginning: str) -> None:
    listing = found(pool, beginning)
    shown = listing.to_plain()
    if listing.state == "held":
        shown["shards"] = [asdict(entry) for entry in pool.claim(listing.digest).shards]
    if tombstone := pool.tombstone(listing.digest):
        shown |= {"ended_at": tombstone.at, "reason": tombstone.reason}
    print(json.dumps(shown, indent=2))


def cells(listing: Listing, state: str) -> tuple[str, ...]:
    """A release and how it stands -> its row for `print_table`."""
    return (
        listing.digest,
        state,
        listing.sender,
        listing.campaign,
        str(listing.sequence),
        str(listing.round),
        str(listing.samples),
        f"{listing.size_bytes / 1e6:.1f}",
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(listing.expires_at)),
        listing.method,
    )


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Rows of `cells` -> a table on the standard output, under a head."""
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    for row in (_HEAD, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
