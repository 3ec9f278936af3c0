"""A policy lets through exactly what it names."""

from dataclasses import replace

import pytest

from dpm_flower.core.errors import PolicyError, ReleaseError, SettingError
from dpm_flower.regime.site_policy import SitePolicy
from tests.payload.examples import manifest
from tests.small_study import STUDY

MANIFEST = manifest()
POLICY = SitePolicy(studies=(STUDY.name,), methods=(MANIFEST.method,), most={"A0.ssim_p": 0.5})
AUDITED = replace(MANIFEST, audit={"A0.ssim_p": 0.5})


def test_what_is_named_is_allowed():
    POLICY.check_study(STUDY)
    POLICY.check_method("nothing")
    POLICY.check_release(AUDITED)
    replace(POLICY, network_updates=True).check_update("FedAvg")


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (SitePolicy(), "methods"),
        (replace(POLICY, max_samples=AUDITED.samples - 1), "samples"),
        (replace(POLICY, max_release_mb=AUDITED.size_bytes / 1e6 - 1e-6), "MB"),
        (replace(POLICY, most={"A0.ssim_p": 0.49}), "up to 0.49, got 0.5"),
        (replace(POLICY, most={"A1.x.ssim_p": 0.9}), "asks for the audit's A1.x.ssim_p"),
    ],
)
def test_a_release_beyond_the_policy_is_refused(policy, told):
    with pytest.raises(PolicyError, match=told):
        policy.check_release(AUDITED)


def test_studies_and_updates_are_refused_by_default():
    with pytest.raises(PolicyError, match="studies"):
        SitePolicy().check_study(STUDY)
    with pytest.raises(PolicyError, match="weights"):
        POLICY.check_update("pretrain")


@pytest.mark.parametrize("limit", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["most", "most_of_peers"])
def test_a_limit_that_nothing_exceeds_is_none(limit, which):
    with pytest.raises(SettingError, match=f"limits of {which} must be finite"):
        replace(POLICY, **{which: {"headline_p": limit}})


def test_a_limit_on_somebody_whom_nobody_asks_is_said_at_once():
    policy = replace(POLICY, most={"headline_p_p95": 0.2, "A0.ssim_p": 0.5, "A2.x3.disclosed_p": 0.2})
    policy.check_audit(["A0", "A2.x3"])
    with pytest.raises(PolicyError, match=r"attackers that are not asked, .*A2\.x3\.disclosed_p.*; asked are .*A0"):
        policy.check_audit(["A0", "A2"])


def test_peers_are_held_to_limits_of_their_own():
    policy = replace(POLICY, most={}, most_of_peers={"A0.ssim_p": 0.5})
    policy.check_peer(AUDITED)
    with pytest.raises(ReleaseError, match=r"policy for peers allows A0\.ssim_p up to 0\.4, got 0\.5"):
        replace(policy, most_of_peers={"A0.ssim_p": 0.4}).check_peer(AUDITED)
    with pytest.raises(ReleaseError, match="asks for the audit's headline_p"):
        replace(policy, most_of_peers={"headline_p": 0.4}).check_peer(AUDITED)
