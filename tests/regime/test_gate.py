"""A leaky release does not leave its house, and whoever asks its peers for an audit takes no release without one."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from dpm_flower.core.errors import PolicyError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Guess
from dpm_flower.exchange import layout
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.receive import receive
from dpm_flower.regime.site_policy import SitePolicy
from tests.regime.examples import NETS, POISONING, STUDY, notary, task

POLICY = SitePolicy(studies=(STUDY.name,), methods=("raw-features", "deep-poisoning"), confidential=False)


@dataclass(frozen=True)
class Remembering:
    """Holds the victims' images, as no attacker may: a release that leaks as much as raw features, by construction."""

    truth: torch.Tensor = field(repr=False, compare=False)
    level: Level = Level.A1
    name: str = "A1.remembering"

    def prepare(self, view, rng):
        return self

    def guess(self, release):
        return Guess(self.truth)


def entity(folder, name="a", **limits):
    one = task(folder, name, policy=replace(POLICY, **limits))
    return replace(one, study=replace(STUDY, attacks=(Remembering(one.train.images),)))


def test_a_release_whose_headline_exceeds_the_limit_does_not_leave(tmp_path):
    one = entity(tmp_path, most={"headline_p": 0.25, "headline_p_p95": 1.0})
    with pytest.raises(PolicyError, match=r"allows headline_p up to 0\.25, got (0\.9|1)"):
        contribute(one, NETS, RawFeatures(), 0, notary())
    assert Pool(one.site.pool).digests() == []
    assert not one.site.contribution(one.campaign, repr(RawFeatures())).exists()
    assert one.site.leakage(one.campaign, repr(RawFeatures())).exists()  # so that its owner can see why


def test_a_release_below_the_limit_leaves_and_says_what_it_was_judged_by(tmp_path):
    one = entity(tmp_path, most={"headline_p": 2.0})
    made = contribute(one, NETS, RawFeatures(), 0, notary())
    manifest = Manifest.from_bytes(Envelope.from_bytes(made.envelope.encode()).payload)
    assert manifest.audit["headline_p"] == pytest.approx(made.quality["headline_p"])
    assert manifest.audit["headline_p"] == pytest.approx(1, abs=0.05)


def test_a_release_that_no_attacker_could_judge_does_not_pass_for_a_safe_one(tmp_path):
    one = task(tmp_path, policy=replace(POLICY, most={"headline_p": 1.0}))  # nobody is asked but the public reconstructor
    with pytest.raises(PolicyError, match="asks for the audit's headline_p"):
        contribute(one, NETS, POISONING, 0, notary())
    assert Pool(one.site.pool).digests() == []


def test_a_limit_that_no_release_could_keep_is_told_before_anything_is_trained(tmp_path):
    one = entity(tmp_path, most={"A2.disclosed_p": 0.1})
    with pytest.raises(PolicyError, match="attackers that are not asked"):
        contribute(one, NETS, POISONING, 0, notary())
    assert not one.site.features.exists()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, ""),
        ({"headline_p": 2.0}, ""),
        ({"headline_p": 0.1}, "policy for peers allows headline_p up to 0.1"),
        ({"A2.disclosed_p": 0.1}, "policy for peers asks for the audit's A2.disclosed_p"),
    ],
)
def test_a_peer_s_release_is_refused_unless_its_signed_audit_is_what_this_site_asks_for(tmp_path, limits, said):
    sender, reader = entity(tmp_path, "b"), task(tmp_path, "a", policy=replace(POLICY, most_of_peers=limits))
    made = contribute(sender, NETS, RawFeatures(), 0, notary())
    came = []
    refused = receive(
        reader,
        [("b", made.envelope)],
        NETS.spec,
        notary(),
        LocalExchange({"b": sender.site.pool}),
        came.extend,
        method="raw-features",
    )
    assert len(came) == (not said)
    assert [said in reason for _, reason in refused] == ([True] if said else [])
    if said:
        assert Pool(reader.site.pool).digests() == []
        assert "policy for peers" in (reader.site.pool / layout.AUDIT_LOG).read_text()
