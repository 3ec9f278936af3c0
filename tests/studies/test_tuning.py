from dataclasses import replace

import pytest

from dpm_flower.core.arms import AveragingArm
from dpm_flower.studies.cells import Cell, cells_of
from dpm_flower.studies.tuning import best_on_validation, chosen_arms, tunings_of
from tests.studies import averaged

ARMS = ("slow", "fast", "hasty")
CELLS = cells_of(averaged.STUDY, averaged.outcomes())


def cells(**figures):
    """arm = (validation of each entity), under one seed, all right on every test image."""
    return [
        Cell(0, arm, entity, {"top1": 1.0} | ({} if value is None else {"validation_top1": value}), {})
        for arm, values in figures.items()
        for entity, value in zip("abc", values, strict=False)
    ]


def test_validation_images_choose_and_test_images_do_not():
    assert best_on_validation(CELLS, ARMS) == "fast"
    assert max(ARMS, key=lambda arm: averaged.TOP1[arm]) == "hasty"


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.5])
def test_no_figure_of_the_test_images_changes_the_choice(shift):
    changed = [
        replace(cell, quality=cell.quality | {"top1": cell.quality["top1"] + shift * (cell.arm == "slow")})
        for cell in CELLS
        if "top1" in cell.quality
    ]
    assert best_on_validation(changed, ARMS) == "fast"


def test_the_mean_is_over_all_entities():
    assert best_on_validation(cells(first=(0.9, 0.1, 0.1), second=(0.4, 0.4, 0.4)), ("first", "second")) == "second"


def test_of_equals_the_first_in_the_given_order_is_chosen():
    both = cells(first=(0.5, 0.5), second=(0.5, 0.5))
    assert best_on_validation(both, ("first", "second")) == "first"
    assert best_on_validation(both, ("second", "first")) == "second"
    assert best_on_validation(reversed(both), ("first", "second")) == "first"


def test_an_arm_that_lacks_a_figure_somewhere_is_not_chosen():
    assert best_on_validation(cells(first=(0.9, None), second=(0.4, 0.4)), ("first", "second")) == "second"
    assert best_on_validation(cells(first=(0.9,), second=(0.4, 0.4)), ("first", "second")) == "second"


def test_other_arms_do_not_compete():
    assert best_on_validation(cells(first=(0.1,), other=(0.9,)), ("first",)) == "first"


@pytest.mark.parametrize("given", [[], cells(first=(None,))])
def test_without_figures_nothing_is_chosen(given):
    assert best_on_validation(given, ("first",)) is None


def test_settings_of_one_method_compete_and_methods_do_not():
    (tuning,) = tunings_of(averaged.STUDY, CELLS)  # FedProx has one setting only: nothing to choose
    assert tuning.method == "FedAvg of the network from the lead's weights"
    assert [candidate.arm for candidate in tuning.candidates] == list(ARMS)
    assert tuning.chosen == "fast"
    assert chosen_arms([tuning]) == {"fast"}


@pytest.mark.parametrize(("knob", "value"), [("part", "decider"), ("start", "scratch"), ("proximal_mu", 0.1)])
def test_part_start_and_proximal_term_make_a_method(knob, value):
    arms = tuple(
        replace(arm, **{knob: value}) if arm.name == "slow" else arm for arm in averaged.STUDY.arms if isinstance(arm, AveragingArm)
    )
    (tuning,) = tunings_of(replace(averaged.STUDY, arms=arms[:3]), CELLS)
    assert [candidate.arm for candidate in tuning.candidates] == ["fast", "hasty"]


def test_candidates_show_both_figures_with_their_spread():
    (tuning,) = tunings_of(averaged.STUDY, CELLS)
    fast = tuning.candidates[1]
    assert fast.validation.mean == pytest.approx(0.76)  # 0.75, 0.76, 0.77
    assert fast.validation.deviation == pytest.approx(0.01)
    assert (fast.test.mean, fast.test.count) == (pytest.approx(0.75), 3)


def test_a_candidate_without_any_figure_is_not_shown():
    without = [replace(cell, quality={}) if cell.arm == "slow" else cell for cell in CELLS]
    (tuning,) = tunings_of(averaged.STUDY, without)
    assert [candidate.arm for candidate in tuning.candidates] == ["fast", "hasty"]
