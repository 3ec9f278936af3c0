"""Photographs with masks from one member of a consortium to another, with real signatures."""

from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import save

from dpm_flower.core.errors import PolicyError, ReleaseError
from dpm_flower.core.shared import SharedMasks
from dpm_flower.core.streams import stream
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.pair_sharing import Offered
from dpm_flower.methods.raw_pairs import RawPairs
from dpm_flower.payload.released_spec import MaskedSpec
from dpm_flower.payload.shard import Shard
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.outgoing import Outgoing, ready
from dpm_flower.regime.pair_release import PairsHolder, publish_pairs, received_pairs
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.regime.standing import Standing
from tests.exchange.examples import DAMAGES
from tests.methods.vessels import pairs
from tests.training.toys import CPU

OWN, HELD_OUT = pairs(12), pairs(6, seed=1)
SPEC = MaskedSpec(shape=(3, 8, 8))


@dataclass(frozen=True)
class Measured:
    """Releases the own pairs and says that a share of them was memorised; where it is too great, nothing leaves."""

    share: float = 0.1
    name: str = "measured"

    def offered(self, private, held_out, *, compute, rng, report):
        if self.share > 0.5:
            raise ReleaseError("the generator has memorised")
        return Offered(SharedMasks(private.images, private.masks), {"pair_memorised": self.share})


@pytest.fixture
def holders(tmp_path):
    """-> a sender and a reader."""
    consortium = Consortium(tmp_path)
    consortium.found(("a", "b"))

    def holder(name):
        site = consortium.site(name)
        site.pool.mkdir(parents=True)
        notary = Standing.open(site.identity, consortium.roster, site.roster_lock, site.replays).notary()
        return PairsHolder(campaign="c", entity=name, site=site, notary=notary)

    return holder("a"), holder("b")


def published(sender, method, sequence=0):
    return publish_pairs(sender, method, OWN, HELD_OUT, sequence=sequence, compute=CPU, rng=stream(0, "a"))


def received(holders, text, method="measured", own=OWN):
    sender, reader = holders
    exchange = LocalExchange({one.entity: one.site.pool for one in holders})
    return received_pairs(reader, sender.entity, text, own, exchange, method=method)


def refusals(reader):
    return [entry for entry in Pool(reader.site.pool).audit_log.entries() if entry.event == "refused"]


def test_a_peer_reads_what_was_published_and_what_was_measured_of_it(holders):
    came = received(holders, published(holders[0], Measured()))
    assert torch.equal(came.batch.images, OWN.images)
    assert torch.equal(came.batch.masks, OWN.masks)
    assert dict(came.figures) == {"pair_memorised": 0.1}
    assert 0 < came.size_bytes <= 12 * 4 * 64 + 512
    assert [one.state for one in Pool(holders[1].site.pool).listing()] == ["held"]


def test_what_may_not_leave_is_not_in_the_pool(holders):
    sender, _ = holders
    with pytest.raises(ReleaseError, match="has memorised"):
        published(sender, Measured(share=0.6))
    strict = replace(sender, policy=SitePolicy(methods=("measured",), most={"pair_memorised": 0.05}))
    with pytest.raises(PolicyError, match=r"allows pair_memorised up to 0\.05, got 0\.1"):
        published(strict, Measured())
    assert Pool(sender.site.pool).listing() == []


def test_a_reader_asks_for_a_method_a_size_and_what_its_policy_says(holders):
    raw = published(holders[0], RawPairs())
    with pytest.raises(ReleaseError, match="wanted a release of measured, got one of raw-pairs"):
        received(holders, raw)
    with pytest.raises(ReleaseError, match=r"wanted shape \(3, 16, 16\), got \(3, 8, 8\)"):
        received(holders, raw, "raw-pairs", own=pairs(4, side=16))
    sender, reader = holders
    with pytest.raises(ReleaseError, match="asks for the audit's pair_memorised"):
        received((sender, replace(reader, policy=SitePolicy(most_of_peers={"pair_memorised": 0.05}))), raw, "raw-pairs")
    assert len(refusals(reader)) == 3


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_what_was_damaged_on_the_way_is_refused(holders, damage):
    text = published(holders[0], Measured())
    (shard,) = holders[0].site.pool.rglob("*.shard")
    shard.chmod(0o600)
    DAMAGES[damage](shard)
    with pytest.raises(ReleaseError):
        received(holders, text)
    assert Pool(holders[1].site.pool).listing() == []


def test_masks_that_are_none_are_refused_though_their_sender_signed_them(holders):
    sender, reader = holders
    data = save({"images": OWN.images, "masks": OWN.masks * 2})
    pool = Pool(sender.site.pool, site=sender.entity)
    outgoing = Outgoing(method="measured", sequence=0, spec=SPEC, samples=12, shards=[Shard("masked-00000.safetensors", data)], audit={})
    leaving = ready(outgoing, sender, sender.notary, None, pool.audit_log.head)
    pool.publish(leaving.release, leaving.shards)
    with pytest.raises(ReleaseError, match="must have values of 0 and 1, got up to 2"):
        received(holders, leaving.release.envelope.to_bytes().decode())
    assert len(refusals(reader)) == 1
