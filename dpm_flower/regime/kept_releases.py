"""A site's own pool of kept releases -> what a decider is refined on."""

from dataclasses import replace

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.split_net import SplitNet
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import decode_each
from dpm_flower.payload.content import content
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.pooling import PooledFeatures
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.task import EntityTask


def held(pool: Pool) -> list[Listing]:
    """The releases that are held, the first day's first."""
    return sorted((one for one in pool.listing() if one.state == "held"), key=lambda one: one.sequence)


def take_kept(task: EntityTask, net: SplitNet, pool: Pool, notary: Notary, into: PooledFeatures) -> int:
    """A day's task and the pool -> every other day's release is taken; how many could not be read.

    Each is verified as a peer would. One that is damaged, of other networks, or signed by keys that do not count any more is left out.
    Raises ReleaseError where there are some and none can be read: a decider refined on a day alone would forget all the others.
    """
    unread, others = 0, [one for one in held(pool) if one.campaign != task.campaign]
    why: PoolError | ReleaseError | None = None
    for one in others:
        try:
            envelope = pool.envelope(one.digest)
            found = Manifest.from_bytes(envelope.payload)
            spec = replace(net.spec, codec=found.spec.codec) if isinstance(found.spec, FeatureSpec) else net.spec
            release = notary.verify_own(envelope, replace(task, campaign=one.campaign), spec)
            shards = content(release, pool.shards(release))
            into.take(decode_each(shards, spec, classes=task.train.classes, samples=release.manifest.samples))
        except (PoolError, ReleaseError) as err:
            unread, why = unread + 1, err
    if others and unread == len(others):
        raise ReleaseError(f"none of the {unread} kept releases of other days could be read, the last since: {why}") from why
    return unread
