"""A relay's intake: what a member publishes -> an authentic release in the relay's own pool, which serves it to those it is for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.service import Shards
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.verified import AuthenticRelease


@dataclass(frozen=True, slots=True)
class RelayIntake:
    """Takes releases into `pool` once `authenticate` found them to be their publisher's own word.

    `authenticate` gets the envelope and who published it, and raises ReleaseError for a release that is not to be taken.
    """

    pool: Pool
    authenticate: Callable[[Envelope, str], AuthenticRelease]

    def take(self, peer: str, envelope: bytes, shards: Shards) -> str:
        """An envelope from this peer and its shards as they come -> the release's digest, once it is whole here."""
        release = self.authenticate(Envelope.from_bytes(envelope), peer)
        return self.pool.admit(release, _InOrder(release.manifest.shards, shards))


class _InOrder:
    """Source for a pool, which asks for shards in their order but not for those that it has already: their bytes are passed over."""

    def __init__(self, entries: tuple[ShardEntry, ...], shards: Shards) -> None:
        self._entries, self._shards, self._next = entries, shards, 0

    def __call__(self, position: int) -> Iterator[bytes]:
        for entry in self._entries[self._next : position]:
            for _ in self._shards(entry.size_bytes):
                pass
        self._next = position + 1
        return self._shards(self._entries[position].size_bytes)
