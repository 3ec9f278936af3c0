from dataclasses import replace

import pytest

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.core.outcome import RoundFigures
from dpm_flower.studies.curves import ROUNDLESS, curves_of
from dpm_flower.studies.results import results_of
from tests.studies import averaged
from tests.studies.hand_made import FACTS, Named, changed


def curve(results, arm):
    return next(one for one in curves_of(results) if one.arm == arm)


def test_a_round_is_a_point_with_what_it_cost_so_far():
    points = curve(averaged.results(), "slow").points
    assert [point.round for point in points] == [1, 2]
    assert [point.top1.mean for point in points] == pytest.approx([0.61, 0.71])  # 0.60, 0.61, 0.62 and so on
    assert [point.top1.deviation for point in points] == pytest.approx([0.01, 0.01])
    assert [point.bytes_fetched.mean for point in points] == [1e6, 2e6]  # an average is as large as the update that was sent
    assert [point.seconds.mean for point in points] == [2.0, 4.0]  # the mean of an entity less, one alike and one more


def test_the_last_round_is_what_the_table_says_of_the_arm():
    results = averaged.results()
    for arm in averaged.TOP1:
        row = next(row for row in results.rows if row.arm == arm and row.entity.startswith("mean"))
        last = curve(results, arm).points[-1]
        assert last.top1.mean == pytest.approx(row.figures["top1"].mean)
        assert last.bytes_fetched.mean == pytest.approx(row.figures["cost_bytes_fetched"].mean)


def test_an_arm_without_rounds_is_one_point():
    alone = curve(averaged.results(), "poisoned")
    (point,) = alone.points
    assert not alone.averaged
    assert curve(averaged.results(), "slow").averaged
    assert (point.round, point.bytes_fetched.mean, point.seconds.mean) == (ROUNDLESS, 6e6, 3.0)  # from two peers
    assert point.top1.mean == pytest.approx(0.78)
    assert curve(averaged.results(), "own data").points[0].bytes_fetched.mean == 0.0


def test_curves_come_in_the_studys_order_and_arms_without_figures_have_none():
    outcomes = [replace(one, quality={}, reason="gone", rounds=()) if one.arm == "fast" else one for one in averaged.outcomes()]
    results = results_of(averaged.STUDY, outcomes, FACTS)
    assert [one.arm for one in curves_of(results)] == [arm for arm in results.arms if arm != "fast"]


def test_a_seed_in_which_nobody_evaluated_a_round_is_left_out_of_its_point():
    rounds = averaged.outcome(2, "slow", "a").rounds
    gap = (RoundFigures(1, {}, rounds[0].costs), rounds[1])
    results = results_of(averaged.STUDY, changed(averaged.outcomes(), 2, "slow", "a", rounds=gap), FACTS)
    first, last = curve(results, "slow").points
    assert (first.top1.count, last.top1.count) == (2, 3)
    assert first.top1.mean == pytest.approx(0.605)


def test_a_round_that_was_evaluated_under_no_seed_is_no_point():
    outcomes = [
        replace(one, rounds=(RoundFigures(1, {}, one.rounds[0].costs), *one.rounds[1:])) if one.arm == "slow" else one
        for one in averaged.outcomes()
    ]
    assert [point.round for point in curve(results_of(averaged.STUDY, outcomes, FACTS), "slow").points] == [2]


def test_what_nobody_knows_to_have_been_fetched_is_not_called_nothing():
    study = replace(averaged.STUDY, arms=(SharingArm(name="slow", method=Named("poisoned"), refine="shared", rounds=2),))
    outcomes = [one for one in averaged.outcomes() if one.arm in (RECEIVED, "slow")]
    points = curve(results_of(study, outcomes, FACTS), "slow").points
    assert [point.bytes_fetched for point in points] == [None, None]
    assert [point.seconds.mean for point in points] == [2.0, 4.0]
