"""How a verified release gets into a pool: shards first, each verified while it streams, the envelope last."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from dpm_flower.core.durable import sync_folder, write_file
from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange import layout, stored
from dpm_flower.exchange.burial import refuse_buried, sweep_buried
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.parts import Parts
from dpm_flower.exchange.rebuilding import asked
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.verified import AuthenticRelease

Source: TypeAlias = Callable[[int], Iterable[bytes]]  # a shard's place in the manifest -> its bytes in chunks
Supply: TypeAlias = Callable[[int, ShardEntry], Iterable[bytes]]  # the same, refused by the end where it is not the entry's shard
Files: TypeAlias = Callable[[int], Path]  # a shard's place in the manifest -> the file that holds it, maybe on the same disk
Arrival: TypeAlias = Literal["published", "admitted"]


def admit(parts: Parts, release: AuthenticRelease, supply: Supply, files: Files | None, arrival: Arrival) -> None:
    """A release and where its shards come from: whole on the disk and listed when this returns. See Pool.admit."""
    listing = Listing.of(release.digest, release.envelope, "held", int(parts.clock()))
    try:
        refuse_buried(parts, listing)
        if _is_listed(parts, release) and _is_whole(parts, release):
            return
        with parts.staging.work(release.digest) as work:
            if not (_is_listed(parts, release) and _is_whole(parts, release)):  # else another brought it while we waited
                _bring(parts, release, listing, work, supply, files, arrival)
        if parts.tombstones.has(release.digest):  # ended since; whoever ended it found us here and left its files to us
            with parts.staging.mutex():
                sweep_buried(parts, release.digest)
    except ReleaseError as err:
        parts.audit_log.append("refused", digest=release.digest, sender=listing.sender, reason=str(err))
        raise
    except OSError as err:
        raise OutputError(f"cannot write release {release.digest} into {parts.folder}: {err}") from err


def _bring(
    parts: Parts, release: AuthenticRelease, listing: Listing, work: Path, supply: Supply, files: Files | None, arrival: Arrival
) -> None:
    """For the one who works under the release's digest. If it fails, what was not here before is gone again."""
    was_here, folder = parts.envelope_path(release.digest).exists(), layout.release_folder(parts.folder, release.digest)
    if folder.exists() and not folder.is_dir():
        parts.remove(release.digest)
    try:
        _fill(parts, release, supply, files)
        with parts.staging.mutex():
            refuse_buried(parts, listing)  # it may have ended while its shards were coming
            _reveal(parts, release, listing, work)
            parts.audit_log.append(arrival, digest=release.digest, sender=listing.sender)
            asked(parts, lambda index: index.put(listing))
    except BaseException:
        if not was_here or parts.tombstones.has(release.digest):
            parts.remove(release.digest)
        raise


def _fill(parts: Parts, release: AuthenticRelease, supply: Supply, files: Files | None) -> None:
    """Brings the shards that do not lie here whole already."""
    where = f"of release {release.digest} by {release.manifest.sender}"
    for position, entry in enumerate(release.manifest.shards):
        if _lies_whole(parts, release, position):
            continue
        if files is not None and parts.store.adopt(release.digest, position, files(position)):
            for _ in stored.shard(parts.store, release.digest, position, entry, where, ReleaseError):
                pass
        else:
            parts.store.put(release.digest, position, supply(position, entry))


def _reveal(parts: Parts, release: AuthenticRelease, listing: Listing, work: Path) -> None:
    """Puts the envelope in its place, from when on the release is here."""
    new, target = work / layout.ENVELOPE, parts.envelope_path(release.digest)
    write_file(new, [release.envelope.to_bytes()])
    os.utime(new, (listing.admitted_at, listing.admitted_at))  # an index that is made anew reads there when it was admitted
    target.parent.mkdir(exist_ok=True)  # where a store keeps the shards elsewhere
    if target.is_dir() and not target.is_symlink():
        target.rename(work / "no-envelope")
    new.replace(target)
    sync_folder(target.parent)
    sync_folder(target.parent.parent)


def _is_listed(parts: Parts, release: AuthenticRelease) -> bool:
    found = asked(parts, lambda index: index.get(release.digest))
    return found is not None and found.state == "held"


def _is_whole(parts: Parts, release: AuthenticRelease) -> bool:
    try:
        stored.envelope_bytes(parts.folder, release.digest)
        stored.check(parts.store, release.digest, release.manifest.shards, "here")
    except PoolError:
        return False
    return True


def _lies_whole(parts: Parts, release: AuthenticRelease, position: int) -> bool:
    entry = release.manifest.shards[position]
    try:
        if parts.store.size(release.digest, position) != entry.size_bytes:
            return False
        for _ in stored.shard(parts.store, release.digest, position, entry, "here"):
            pass
    except PoolError:
        return False
    return True
