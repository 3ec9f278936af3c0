"""Photographs with masks on their way from one entity to another: shared, signed and published, then fetched, verified and read."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.shared import SharedMasks
from dpm_flower.data.masks import Masked
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.pair_sharing import PairSharing
from dpm_flower.payload.content import content
from dpm_flower.payload.masked_codec import decode_masked, encode_masked
from dpm_flower.payload.released_spec import MaskedSpec
from dpm_flower.regime.outgoing import Outgoing, ready
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.receive import admitted, logged
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_policy import SitePolicy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairsHolder:
    """An entity that shares photographs with masks or reads them: its campaign, name and folder, who signs and verifies for it, and what
    it allows.
    """

    campaign: str
    entity: str
    site: Site
    notary: Notary
    policy: SitePolicy | None = None

    @property
    def classes(self) -> int:
        """Of things that the masks show."""
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedPairs:
    """What a peer released, what it says of it, and how many bytes its shards took on the way."""

    batch: SharedMasks
    figures: Mapping[str, float]
    size_bytes: int


def publish_pairs(
    holder: PairsHolder,
    method: PairSharing,
    private: Masked,
    held_out: Masked,
    *,
    sequence: int,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> str:
    """Own pairs, held-out ones, and how they are shared -> the envelope of a release in the own pool, as JSON text.

    What was found out about the release stands in its manifest. Raises ReleaseError where the method lets nothing leave, PolicyError
    where the own policy does not.
    """
    offered = method.offered(private, held_out, compute=compute, rng=rng, report=report)
    spec, pool = _spec_of(private), Pool(holder.site.pool, site=holder.entity)
    outgoing = Outgoing(
        method=method.name,
        sequence=sequence,
        spec=spec,
        samples=len(offered.batch.images),
        shards=encode_masked(offered.batch, spec),
        audit=offered.figures,
    )
    leaving = ready(outgoing, holder, holder.notary, holder.policy, pool.audit_log.head)
    pool.publish(leaving.release, leaving.shards)
    return leaving.release.envelope.to_bytes().decode()


def received_pairs(holder: PairsHolder, sender: str, text: str, own: Masked, exchange: Exchange, *, method: str) -> ReceivedPairs:
    """A peer's envelope as JSON text, own pairs of the size that is wanted, and the method's name -> what the peer released.

    Raises ReleaseError with the first check that failed, from its signatures to the values of its masks.
    """
    pool, spec = Pool(holder.site.pool, site=holder.entity), _spec_of(own)
    with logged(pool, sender):
        release = admitted(text, holder, sender, spec, holder.notary, method=method, policy=holder.policy)
    exchange.fetch(release, pool)  # the pool itself notes what it refuses
    with logged(pool, sender):
        batch = decode_masked(content(release, pool.shards(release)), spec, samples=release.manifest.samples)
    return ReceivedPairs(batch, release.manifest.audit, release.manifest.size_bytes)


def _spec_of(pairs: Masked) -> MaskedSpec:
    channels, height, width = pairs.images.shape[1:]
    return MaskedSpec(shape=(channels, height, width))
