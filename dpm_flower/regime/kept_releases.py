"""A site's own pool of kept releases -> what a decider is refined on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.content import content
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ReleasedSpec
from dpm_flower.payload.shard import Shard
from dpm_flower.regime.day_task import DayTask

Expected: TypeAlias = Callable[[ReleasedSpec], ReleasedSpec]  # what a manifest says its release is -> what it should be
Take: TypeAlias = Callable[[Manifest, Iterator[Shard]], None]  # a verified release's manifest and its shards: all are taken, or none


def held(pool: Pool) -> list[Listing]:
    """The releases that are held, the first day's first."""
    return sorted((one for one in pool.listing() if one.state == "held"), key=lambda one: one.sequence)


def take_kept(task: DayTask, expected: Expected, take: Take) -> int:
    """A day's task -> every other day's release is taken; how many could not be read.

    Each is verified as a peer would. One that is damaged, of other networks, or signed by keys that do not count any more is left out.
    Raises ReleaseError where there are some and none can be read: a decider refined on a day alone would forget all the others.
    """
    pool = task.pool
    unread, others = 0, [one for one in held(pool) if one.campaign != task.campaign]
    why: PoolError | ReleaseError | None = None
    for one in others:
        try:
            envelope = pool.envelope(one.digest)
            spec = expected(Manifest.from_bytes(envelope.payload).spec)
            release = task.notary.verify_own(envelope, replace(task, campaign=one.campaign), spec)
            take(release.manifest, content(release, pool.shards(release)))
        except (PoolError, ReleaseError) as err:
            unread, why = unread + 1, err
    if others and unread == len(others):
        raise ReleaseError(f"none of the {unread} kept releases of other days could be read, the last since: {why}") from why
    return unread
