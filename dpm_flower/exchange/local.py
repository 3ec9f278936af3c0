"""The exchange of a simulation on one machine: every entity's pool is a folder that the others may read."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange import layout
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.stream import file_chunks
from dpm_flower.exchange.tombstones import Tombstones
from dpm_flower.payload.rules import shown
from dpm_flower.payload.verified import AuthenticRelease


@dataclass(frozen=True, slots=True)
class LocalExchange:
    """Fetches from the folder in which the sender's pool lies; `pools` maps each entity's name to it.

    Links files where both pools lie on one disk: a hundred entities then hold each release once. What a sender did to such a
    file later would reach into its peers' pools; reading verifies again, so that it costs the release and goes unused.
    """

    pools: Mapping[str, Path]

    def fetch(self, release: AuthenticRelease, into: Pool, *, within_s: float = math.inf) -> None:
        """A verified release -> the same release in `into`; nobody is waited for. Raises ReleaseError, OutputError: see Exchange."""
        del within_s
        sender = release.manifest.sender
        if sender not in self.pools:
            raise ReleaseError(f"wanted the pool of one of {', '.join(sorted(self.pools))}, got a release of {shown(sender)}")
        pool = self.pools[sender]
        folder = layout.release_folder(pool, release.digest)
        into.admit(
            release,
            lambda position: _sent(pool, release, position),
            lambda position: folder / layout.shard_name(position),
        )


def _sent(pool: Path, release: AuthenticRelease, position: int) -> Iterator[bytes]:
    path = layout.release_folder(pool, release.digest) / layout.shard_name(position)
    try:
        yield from file_chunks(path, f"shard {release.manifest.shards[position].name} of release {release.digest}")
    except PoolError as err:  # it is the sender's pool that is damaged, so the sender's release is the one to refuse
        ended = "; the release was withdrawn or has expired" if Tombstones(pool).has(release.digest) else ""
        raise ReleaseError(f"{release.manifest.sender} does not deliver: {err}{ended}") from err
