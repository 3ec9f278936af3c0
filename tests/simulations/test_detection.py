"""The comparison of detectors: its rows differ in one thing each, and its conclusion is what its figures say."""

from dataclasses import replace

import pytest

from dpm_flower.studies.trials.detection import AveragedDeciders, OwnOnly, Pooled, Sharing
from dpm_flower.studies.trials.detection_transformer import TransformerOnImages
from simulations.detection import COMPARISON, METHODS, OWN, RAW, TRANSFORMERS, YOLOS, YOLOS_ALL, YOLOS_MIXED, YOLOS_OWN, gain_kept


def test_all_rows_have_one_task_and_all_releases_the_same_attackers():
    kinds = [type(trial) for trial in COMPARISON.trials]
    assert kinds == [OwnOnly, Pooled, *[Sharing] * len(METHODS), AveragedDeciders, *[TransformerOnImages] * 3]
    assert len({trial.task for trial in COMPARISON.trials}) == 1
    assert len({trial.attackers for trial in COMPARISON.trials if isinstance(trial, Sharing)}) == 1


def test_recipes_differ_by_what_they_keep_and_the_last_has_adversaries():
    raw, *poisoned, adapting = METHODS.values()
    assert raw is None
    assert [method.equivalence for method in poisoned] == ["labels", "response", "activations"]
    assert len({(method.weight, method.fitting, method.blocks) for method in (*poisoned, adapting)}) == 1
    assert adapting.adversaries.count == 2


def test_transformers_are_one_and_differ_by_whose_images_they_see_and_how():
    own, pooled, mixed = TRANSFORMERS
    assert (own.name, pooled.name, mixed.name) == (YOLOS_OWN, YOLOS_ALL, YOLOS_MIXED)
    assert replace(own, name="", pooled=True) == replace(pooled, name="") == replace(mixed, name="", method=None)
    assert not own.pooled
    assert own.method is None
    assert mixed.method is not None
    assert YOLOS.trials == TRANSFORMERS
    assert COMPARISON.trials[-3:] == TRANSFORMERS


def figures(**gains):
    """Points above own data, by row and seed."""
    rows = {OWN: [0.0] * 3} | gains
    return {(name, seed): {"map50": 0.4 + gain} for name, row in rows.items() for seed, gain in enumerate(row)}


def test_gain_kept_is_a_ratio_of_sums_over_the_seeds_of_both():
    (told,) = gain_kept(figures(**{RAW: [0.11, 0.10, 0.09], "poisoned": [0.05, 0.04, 0.06], "other": [0.11]}))
    assert told == "Raw features gain 10.0 points of mAP50 over own data. Gain kept: poisoned 50%, other 100%."


@pytest.mark.parametrize(
    ("row", "why"),
    [([0.1], "one seed has no spread"), ([0.1, -0.1, 0.02], "below 3 of them"), ([-0.1, -0.1, -0.1], "below 3 of them")],
)
def test_where_raw_features_gain_nothing_for_sure_nothing_is_divided_by_it(row, why):
    (told,) = gain_kept(figures(**{RAW: row, "poisoned": row}))
    assert why in told
    assert told.endswith("is not measurable.")


def test_without_raw_features_nothing_is_said():
    assert gain_kept(figures(poisoned=[0.1])) == ()


def test_a_transformer_s_gain_is_measured_by_that_of_clear_images_and_never_by_raw_features():
    rows = {RAW: [0.1, 0.1, 0.1], "poisoned": [0.05, 0.05, 0.05], YOLOS_OWN: [-0.3, -0.3, -0.3]}
    raw, clear = gain_kept(figures(**rows, **{YOLOS_ALL: [-0.1, -0.1, -0.1], YOLOS_MIXED: [-0.2, -0.25, -0.15]}))
    assert raw == "Raw features gain 10.0 points of mAP50 over own data. Gain kept: poisoned 50%."
    wanted = f"Clear images of all gain a transformer 20.0 points of mAP50 over own clear images. Gain kept: {YOLOS_MIXED} 50%."
    assert clear == wanted
    (alone,) = gain_kept(figures(**rows))
    assert alone == raw
