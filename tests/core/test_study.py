from dataclasses import FrozenInstanceError, replace

import pytest

from dpm_flower.core.arms import RECEIVED, AveragingArm, SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages

OWN = SharingArm(name="own only", method=Nothing())
FEATURES = SharingArm(name="features", method=RawFeatures())
STUDY = Study(name="s", partition=Shares(entities=(("a", 0.5), ("b", 0.3))), arms=(OWN, FEATURES, AveragingArm(name="FedAvg")))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arms": (OWN, FEATURES, OWN)}, "arms must have different names"),
        ({"arms": (OWN, AveragingArm(name="own only"))}, "arms must have different names"),
        ({"arms": (replace(OWN, receivers=("a", "z")),)}, "names strangers, who are no entities: z"),
        ({"seeds": ()}, "at least one seed"),
        ({"seeds": (1, 1)}, "each once"),
        ({"lead": "z"}, "the lead must be one of a, b, got 'z'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"lead_threads": 0}, "lead_threads must be at least 1"),
        ({"side": 0}, "side must be at least 1"),
        ({"pictures": 0}, "pictures must be at least 1"),
        ({"quorum": 0.0}, "quorum"),
        ({"quorum": 1.01}, "quorum"),
        ({"quorum": float("nan")}, "quorum"),
        ({"phase_timeout_s": 0.0}, "phase_timeout_s must be > 0"),
        ({"phase_timeout_s": float("nan")}, "phase_timeout_s must be > 0"),
        ({"precision": "float16"}, "precision must be"),
        ({"augment": "flip"}, "augment must be"),
    ],
)
def test_a_study_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(STUDY, **changes)


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
        ({"proximal_mu": -0.1}, "proximal_mu must be >= 0"),
        ({"proximal_mu": float("nan")}, "proximal_mu must be >= 0"),
    ],
)
def test_an_averaging_arm_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(AveragingArm(name="FedAvg"), **changes)


def test_each_method_is_released_once_however_many_arms_use_it():
    arms = (
        OWN,
        FEATURES,
        replace(FEATURES, name="shared", refine="shared"),
        SharingArm(name="images", method=RawImages(), refine="network"),
    )
    assert replace(STUDY, arms=arms).methods == (Nothing(), RawFeatures(), RawImages())


def test_averaging_shares_by_no_method():
    assert replace(STUDY, arms=(AveragingArm(name="FedAvg"),)).methods == ()


def test_arms_are_found_by_name():
    assert STUDY.arm("features") is FEATURES
    with pytest.raises(SettingError, match="no arm 'x'; it has own only, features, FedAvg"):
        STUDY.arm("x")


def test_the_limits_themselves_are_allowed():
    replace(STUDY, quorum=1.0, lead="b", seeds=(5,), arms=(replace(OWN, receivers=("b",)),), threads=1)


def test_a_study_does_not_change():
    with pytest.raises(FrozenInstanceError):
        STUDY.name = "other"  # type: ignore[misc]
