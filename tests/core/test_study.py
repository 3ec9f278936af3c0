from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.other_reconstructor import SUFFICIENCY, OtherReconstructor
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages

BRIEF = Fitting(steps=1, learning_rate=1e-3)
OWN = SharingArm(name="own only", method=Nothing())
FEATURES = SharingArm(name="features", method=RawFeatures())
STUDY = Study(name="s", partition=Shares(entities=(("a", 0.5), ("b", 0.3))), arms=(OWN, FEATURES, AveragingArm(name="FedAvg")))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arms": (OWN, FEATURES, OWN)}, "arms must have different names"),
        ({"arms": (OWN, AveragingArm(name="own only"))}, "arms must have different names"),
        ({"arms": (replace(OWN, receivers=("a", "z")),)}, "names strangers, who are no entities: z"),
        ({"arms": (replace(OWN, senders=("y",)),)}, "names strangers, who are no entities: y"),
        ({"arms": (replace(OWN, exceptions=(("x", Nothing()),)),)}, "names strangers, who are no entities: x"),
        ({"seeds": ()}, "at least one seed"),
        ({"seeds": (1, 1)}, "each once"),
        ({"lead": "z"}, "the lead must be one of a, b, got 'z'"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"lead_threads": 0}, "lead_threads must be at least 1"),
        ({"side": 10}, "side must be at least 11, got 10"),
        ({"reconstruct": replace(BRIEF, patience=3)}, "patience belongs to pretrain.*got reconstruct with 3"),
        ({"refine": replace(BRIEF, patience=2)}, "patience belongs to pretrain.*got refine with 2"),
        ({"pictures": 0}, "pictures must be at least 1"),
        ({"quorum": 0.0}, "quorum"),
        ({"quorum": 1.01}, "quorum"),
        ({"quorum": float("nan")}, "quorum"),
        ({"phase_timeout_s": 0.0}, "phase_timeout_s must be > 0"),
        ({"phase_timeout_s": float("nan")}, "phase_timeout_s must be > 0"),
        ({"precision": "float16"}, "precision must be"),
        ({"augment": "flip"}, "augment must be"),
        ({"weights": "resnet18.pth"}, "weights must be"),
        ({"loss": "anchors"}, "wanted a classification loss"),
        ({"attacks": ("A1",)}, "wanted an attack, got 'A1'"),
        ({"attacks": (OtherReconstructor,)}, "wanted an attack, got <class"),
        ({"attacks": (PublicReconstructor(),)}, "above the one that is always asked, got 'A0'"),
        ({"attacks": (OtherReconstructor(blocks=1), OtherReconstructor(blocks=1))}, "attacks must have different names"),
    ],
)
def test_a_study_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(STUDY, **changes)


def test_each_method_is_released_once_however_many_arms_use_it():
    arms = (
        OWN,
        FEATURES,
        replace(FEATURES, name="shared", refine="shared"),
        SharingArm(name="images", method=RawImages(), refine="network"),
    )
    assert replace(STUDY, arms=arms).methods == (Nothing(), RawFeatures(), RawImages())


def test_an_exceptions_method_is_released_too():
    arm = SharingArm(name="rounded", method=RawFeatures(), exceptions=(("b", RawFeatures(name="raw-features")),))
    assert replace(STUDY, arms=(arm,)).methods == (RawFeatures(),)
    coarse = DeepPoisoning(blocks=1)
    mixed = SharingArm(name="mixed", method=DeepPoisoning(), exceptions=(("b", coarse),))
    assert replace(STUDY, arms=(OWN, mixed)).methods == (Nothing(), DeepPoisoning(), coarse)


def test_averaging_shares_by_no_method():
    assert replace(STUDY, arms=(AveragingArm(name="FedAvg"),)).methods == ()


def test_arms_are_found_by_name():
    assert STUDY.arm("features") is FEATURES
    with pytest.raises(SettingError, match="no arm 'x'; it has own only, features, FedAvg"):
        STUDY.arm("x")


def test_the_limits_themselves_are_allowed():
    least = replace(STUDY, quorum=1.0, lead="b", seeds=(5,), arms=(replace(OWN, receivers=("b",)),), threads=1, side=11)
    assert (least.quorum, least.lead, least.side, least.threads) == (1.0, "b", 11, 1)
    assert replace(STUDY, pretrain=replace(BRIEF, patience=1)).pretrain.patience == 1


def test_a_study_does_not_change():
    with pytest.raises(FrozenInstanceError):
        STUDY.name = "other"  # type: ignore[misc]


@dataclass(eq=False)
class Oddly:
    """An attack with a name of one's choice, and a repr of one's choice."""

    name: str = "A1.odd"
    shown: str = "Oddly()"
    level: Level = Level.A1

    def __repr__(self) -> str:
        return self.shown

    def prepare(self, view, rng):
        raise AssertionError


@pytest.mark.parametrize("name", ["", "a b", "a/b", "A1..x", "A1.", ".A1", "a,b", "ä\n"])
def test_an_attack_s_name_can_head_a_column_and_a_manifest_s_score(name):
    assert replace(STUDY, attacks=(Oddly(),)).attacks[0].name == "A1.odd"
    with pytest.raises(SettingError, match="wanted an attack named like"):
        replace(STUDY, attacks=(Oddly(name=name),))


def test_an_attack_that_no_second_run_would_recognise_is_refused():
    with pytest.raises(SettingError, match="no memory address"):
        replace(STUDY, attacks=(Oddly(shown="<Oddly at 0x7f>"),))


def test_an_attack_with_leaked_pairs_says_how_many():
    attack = Oddly(name="A3.odd", level=Level.A3)
    with pytest.raises(SettingError, match=r"says how many pairs it wants, got A3\.odd without `pairs`"):
        replace(STUDY, attacks=(attack,))
    attack.pairs = 7
    assert replace(STUDY, attacks=(attack,)).attacks == (attack,)


def test_attacks_are_part_of_a_study_s_identity():
    study = replace(STUDY, attacks=SUFFICIENCY)
    assert study == replace(STUDY, attacks=SUFFICIENCY)
    assert hash(study) == hash(replace(STUDY, attacks=SUFFICIENCY))
    assert repr(study) != repr(STUDY) != repr(replace(STUDY, attacks=SUFFICIENCY[:1]))


def test_attacks_that_link_images_and_that_infer_attributes_are_attacks_too():
    attacks = (NearestFeatures(), AttributeInference())
    assert replace(STUDY, attacks=attacks).attacks == attacks
    with pytest.raises(SettingError, match="attacks must have different names, got L2, L2"):
        replace(STUDY, attacks=(AttributeInference(), AttributeInference()))
