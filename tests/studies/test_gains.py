from dataclasses import replace

import pytest
import torch

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.studies.gains import NO_REFERENCE, gains_of
from tests.studies.hand_made import IMAGES, STUDY, Named, changed, outcomes


def gain(gains, arm):
    return next(one for one in gains if one.arm == arm)


def test_gain_kept_by_hand():
    kept = gain(gains_of(STUDY, outcomes()), "poisoned")
    assert kept.value == pytest.approx((0.78 - 0.62) / (0.82 - 0.62))
    assert kept.low < kept.value < kept.high
    assert kept.raw_gain == pytest.approx(0.2)
    assert (kept.receivers, kept.seeds, kept.reason) == (("a", "b", "c"), (0, 1, 2), "")


def test_references_have_no_gain_of_their_own_and_all_other_arms_do():
    assert [one.arm for one in gains_of(STUDY, outcomes())] == ["poisoned", "poisoned, c only", "FedAvg"]


NETWORKS = (
    SharingArm(name="own images", method=Nothing(), refine="network"),
    SharingArm(name="raw images", method=RawImages(), refine="network"),
    SharingArm(name="shuffled", method=ShuffledImages(), refine="network"),
)


def test_networks_compare_with_networks_of_own_and_of_raw_images():
    """By hand, and not with own features, raw features or the decider as received, which is better on validation images."""
    study = replace(STUDY, arms=(*STUDY.arms[:3], *NETWORKS))
    top1 = {"own images": 0.5, "raw images": 0.75, "shuffled": 0.55}
    trained = [
        replace(one, arm=name, correct=torch.arange(IMAGES) < round(value * IMAGES), quality={"top1": value})
        for name, value in top1.items()
        for one in outcomes()
        if one.arm == "own data"
    ]
    some = outcomes() + trained
    for seed in STUDY.seeds:
        for entity in "abc":
            some = changed(some, seed, RECEIVED, entity, quality={"top1": 0.6, "validation_top1": 0.99})
    gains = gains_of(study, [one for one in some if one.arm in (RECEIVED, *(arm.name for arm in study.arms))])
    assert [one.arm for one in gains] == ["poisoned", "shuffled"]
    assert gain(gains, "shuffled").value == pytest.approx((0.55 - 0.5) / (0.75 - 0.5))
    assert gain(gains, "shuffled").raw_gain == pytest.approx(0.25)
    assert [one.of_networks for one in gains] == [False, True]


@pytest.mark.parametrize(("missing", "words"), [(0, "own images"), (1, "raw images")])
def test_networks_without_such_a_reference_say_so(missing, words):
    study = replace(STUDY, arms=(*STUDY.arms[:3], NETWORKS[1 - missing], NETWORKS[2]))
    kept = gain(gains_of(study, []), "shuffled")
    assert (kept.value, kept.reason) == (None, f"{NO_REFERENCE}: {words}")


def test_networks_of_whom_hears_others_are_no_reference():
    study = replace(STUDY, arms=(*NETWORKS[:2], replace(NETWORKS[2], senders=("a",))))
    assert gain(gains_of(study, []), "shuffled").reason == f"{NO_REFERENCE}: raw images"


@pytest.mark.parametrize("arm", NETWORKS[:2])
def test_the_only_network_is_no_reference(arm):
    kept = gain(gains_of(replace(STUDY, arms=(*STUDY.arms, arm)), []), arm.name)
    assert (kept.value, kept.reason) == (None, f"{NO_REFERENCE}: own images and raw images")


def test_own_updates_that_are_shared_are_no_reference():
    own = SharingArm(name="own, averaged", method=Nothing(), refine="shared")
    assert [one.arm for one in gains_of(replace(STUDY, arms=(*STUDY.arms[:3], own)), [])] == ["poisoned", "own, averaged"]


def test_an_arm_with_one_receiver_is_measured_there():
    kept = gain(gains_of(STUDY, outcomes()), "poisoned, c only")
    assert kept.receivers == ("c",)
    assert kept.value == pytest.approx((0.75 - 0.60) / (0.80 - 0.60))


def test_own_is_whatever_is_better_on_validation_images():
    """The decider as received is better on validation images of every entity, though worse on test images."""
    some = outcomes()
    for seed in STUDY.seeds:
        for entity in "abc":
            some = changed(some, seed, RECEIVED, entity, quality={"top1": 0.6, "validation_top1": 0.99})
    kept = gain(gains_of(STUDY, some), "poisoned")
    assert kept.value == pytest.approx((0.78 - 0.60) / (0.82 - 0.60))


def test_order_of_arrival_and_other_arms_change_no_interval():
    fewer = replace(STUDY, arms=STUDY.arms[:3])
    few = [one for one in outcomes() if one.arm in (RECEIVED, *(arm.name for arm in fewer.arms))]
    assert gain(gains_of(fewer, few[::-1]), "poisoned") == gain(gains_of(STUDY, outcomes()), "poisoned")


@pytest.mark.parametrize(("missing", "words"), [(0, "own data"), (1, "raw features")])
def test_without_a_reference_arm_every_gain_says_so(missing, words):
    arms = tuple(arm for place, arm in enumerate(STUDY.arms) if place != missing)
    study = replace(STUDY, arms=arms)
    gains = gains_of(study, [one for one in outcomes() if one.arm != STUDY.arms[missing].name])
    assert all(one.value is None and one.reason == f"{NO_REFERENCE}: {words}" for one in gains if one.arm.startswith("poisoned"))


def test_a_shared_decider_is_no_reference():
    study = replace(STUDY, arms=(*STUDY.arms[1:], SharingArm(name="own data", method=Named("nothing"), refine="shared")))
    assert gain(gains_of(study, outcomes()), "poisoned").reason.startswith(NO_REFERENCE)


def test_receivers_without_a_reference_are_left_out_and_none_is_stated():
    arms = (replace(STUDY.arms[0], receivers=("a",)), *STUDY.arms[1:])
    study = replace(STUDY, arms=arms)
    gains = gains_of(study, [one for one in outcomes() if one.arm != "own data" or one.entity == "a"])
    assert gain(gains, "poisoned").receivers == ("a",)
    assert gain(gains, "poisoned, c only").reason == f"{NO_REFERENCE} for its receivers"


def test_an_average_of_all_is_measured_where_raw_features_of_all_arrived():
    """Only c has raw features of both others; an arm in which all have them is preferred."""
    there = replace(STUDY.arms[1], name="raw features, c only", receivers=("c",))
    some = outcomes() + [replace(one, arm=there.name) for one in outcomes() if one.arm == "raw features" and one.entity == "c"]
    study = replace(STUDY, arms=(STUDY.arms[0], there, STUDY.arms[4]))
    kept = gain(gains_of(study, [one for one in some if one.arm in (RECEIVED, "own data", there.name, "FedAvg")]), "FedAvg")
    assert (kept.receivers, kept.value) == (("c",), pytest.approx((0.78 - 0.60) / (0.80 - 0.60)))
    both = replace(STUDY, arms=(STUDY.arms[0], there, *STUDY.arms[1:]))
    assert gain(gains_of(both, some), "FedAvg") == gain(gains_of(STUDY, outcomes()), "FedAvg")


def test_too_small_a_gain_of_raw_features_is_not_measurable():
    some = outcomes()
    for seed in STUDY.seeds:
        for entity in "abc":
            own = next(one for one in some if (one.seed, one.arm, one.entity) == (seed, "own data", entity))
            some = changed(some, seed, "raw features", entity, correct=own.correct)
    kept = gain(gains_of(STUDY, some), "poisoned")
    assert (kept.value, kept.low, kept.high) == (None, None, None)
    assert kept.reason.startswith("not measurable: raw data gained 0.0000")


def test_an_incomplete_seed_is_left_out_and_named():
    kept = gain(gains_of(STUDY, changed(outcomes(), 1, "poisoned", "b", reason="refused")), "poisoned")
    assert kept.seeds == (0, 2)
    assert kept.value is not None
    assert kept.reason == "without seed 1, b: no figures of 'poisoned'"


def test_entities_with_test_images_of_their_own_have_no_common_gain():
    some = changed(outcomes(), 0, "poisoned", "a", correct=torch.ones(IMAGES + 1, dtype=torch.bool))
    assert gain(gains_of(STUDY, some), "poisoned").reason == "no common test images"
    without = [replace(one, correct=None) for one in outcomes()]
    assert "no common test images" in gain(gains_of(STUDY, without), "poisoned").reason


def test_own_cannot_be_chosen_without_validation_scores():
    some = [replace(one, quality={"top1": one.quality["top1"]}) for one in outcomes()]
    assert "no validation accuracy" in gain(gains_of(STUDY, some), "poisoned").reason
