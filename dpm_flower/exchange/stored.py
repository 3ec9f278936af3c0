"""What lies in a pool of one release: read back, and verified against its digest and its envelope before anybody gets it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dpm_flower.core.errors import DpmFlowerError, PoolError, ReleaseError
from dpm_flower.exchange import layout
from dpm_flower.exchange.shard_store import ShardStore
from dpm_flower.exchange.stream import checked, file_chunks
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES, Envelope
from dpm_flower.payload.shard import ShardEntry


def envelope_bytes(pool: Path, digest: str) -> bytes:
    """A pool's folder and a release's digest -> its envelope's bytes. Raises PoolError unless they have this digest."""
    data = b""
    for chunk in file_chunks(layout.release_folder(pool, digest) / layout.ENVELOPE, f"the envelope of release {digest}"):
        data += chunk
        if len(data) > MAX_ENVELOPE_BYTES:
            break
    if hashlib.sha256(data).hexdigest() != digest:
        raise PoolError(f"the envelope of release {digest} in {pool} is damaged: its digest is another")
    return data


def envelope(pool: Path, digest: str) -> Envelope:
    """As `envelope_bytes`, as an envelope: a claim again after lying on a disk."""
    data = envelope_bytes(pool, digest)
    try:
        return Envelope.from_bytes(data)
    except ReleaseError as err:
        raise PoolError(f"release {digest} in {pool} has no envelope: {err}") from err


def shard(
    store: ShardStore, digest: str, position: int, entry: ShardEntry, where: str, refusal: type[DpmFlowerError] = PoolError
) -> Iterator[bytes]:
    """A shard's place and entry -> its bytes; whoever has read them all has read the shard of this entry.

    Raises `refusal`, naming the shard and `where` it lies, if it is missing or another.
    """
    return checked(_told(store.open(digest, position), entry, where, refusal), entry, refusal, where)


def check(store: ShardStore, digest: str, shards: Sequence[ShardEntry], where: str) -> None:
    """Raises PoolError unless every byte of these shards lies there; keeps one chunk in memory."""
    for position, entry in enumerate(shards):
        for _ in shard(store, digest, position, entry, where):
            pass


def has_sizes(store: ShardStore, digest: str, shards: Sequence[ShardEntry]) -> bool:
    """Whether all shards lie there with the sizes that they must have; their bytes are not read."""
    try:
        return all(store.size(digest, position) == entry.size_bytes for position, entry in enumerate(shards))
    except PoolError:
        return False


def _told(chunks: Iterable[bytes], entry: ShardEntry, where: str, refusal: type[DpmFlowerError]) -> Iterator[bytes]:
    try:
        yield from chunks
    except PoolError as err:
        raise refusal(f"shard {entry.name} {where}: {err}") from err
