from dataclasses import replace

import pytest

from dpm_flower.core.arms import RECEIVED, AveragingArm, SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures

OWN = SharingArm(name="own only", method=Nothing())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "  "}, "a name of its own"),
        ({"name": "a\x1fb"}, "a name of its own"),
        ({"name": RECEIVED}, "a name of its own"),
        ({"method": "raw-features"}, "needs a sharing method, got 'raw-features'"),
        ({"method": Nothing}, "needs a sharing method, got <class"),
        ({"refine": "together"}, "refine must be"),
        ({"refine": "shared", "rounds": 0}, "rounds must be at least 1"),
        ({"rounds": 7}, "only deciders refined as \"shared\" have rounds, got 7 with 'own'"),
        ({"refine": "network", "rounds": 4}, "have rounds, got 4 with 'network'"),
        ({"refine": "none", "rounds": 4}, "have rounds, got 4 with 'none'"),
        ({"refine": "none", "receivers": ("a", "b")}, 'nobody refines with "none", got the receivers a, b'),
        ({"exceptions": (("a", Nothing()), ("a", Nothing()))}, "an entity has one exception, got a, a"),
        ({"exceptions": (("a", RawFeatures()),)}, "exceptions are variants of nothing, got raw-features"),
        ({"exceptions": (("a", "none"),)}, "needs a sharing method, got 'none'"),
    ],
)
def test_a_sharing_arm_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(OWN, **changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "a name of its own"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"part": "head"}, "part must be"),
        ({"start": "zero"}, "start must be"),
        ({"local_epochs": 0}, "local_epochs must be at least 1 or None, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0 and finite, or None"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0 and finite"),
        ({"learning_rate": float("inf")}, "learning_rate must be > 0 and finite"),
        ({"proximal_mu": -0.1}, "proximal_mu must be >= 0"),
        ({"proximal_mu": float("nan")}, "proximal_mu must be >= 0"),
        ({"proximal_mu": float("inf")}, "proximal_mu must be >= 0 and finite"),
    ],
)
def test_an_averaging_arm_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(AveragingArm(name="FedAvg"), **changes)


def test_everybody_sends_by_the_arms_method_unless_the_arm_says_otherwise():
    small = DeepPoisoning(blocks=1)
    arm = SharingArm(name="p", method=DeepPoisoning(), exceptions=(("d", small),), senders=("a", "d"), receivers=("b",))
    assert [arm.method_of(name) for name in "abd"] == [DeepPoisoning(), DeepPoisoning(), small]
    assert [arm.sends(name) for name in "abd"] == [True, False, True]
    assert replace(arm, senders=()).sends("b")
    assert arm.named() == {"a", "b", "d"}


def test_rounds_belong_to_arms_that_average():
    assert OWN.averaged_rounds == replace(OWN, refine="network").averaged_rounds == replace(OWN, refine="none").averaged_rounds == 0
    shared = replace(OWN, refine="shared")
    assert (shared.averaged_rounds, replace(shared, rounds=7).averaged_rounds) == (4, 7)
    assert AveragingArm(name="FedAvg", rounds=3).averaged_rounds == 3


def test_who_receives():
    assert replace(OWN, receivers=("b",)).receives("b")
    assert not replace(OWN, receivers=("b",)).receives("a")
    assert OWN.receives("a")
    assert not replace(OWN, refine="none").receives("a")
