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
        ({"rounds": 0}, "rounds must be at least 1"),
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
        ({"learning_rate": 0.0}, "learning_rate must be > 0 or None"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0 or None"),
        ({"proximal_mu": -0.1}, "proximal_mu must be >= 0"),
        ({"proximal_mu": float("nan")}, "proximal_mu must be >= 0"),
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
