"""The comparison of learners over days: its values fit together, and its conclusion is what its figures say."""

from dataclasses import replace
from typing import get_args

import pytest

from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.studies.trials.continual import OverDays, recipe_of
from dpm_flower.training.continual.recalibrated import Recalibrated
from dpm_flower.training.continual.refreshed import Older, RefreshedReplay
from simulations.retention import BOUND, COMPARISON, FURTHER, HIDDEN, LEARNINGS, MORE, ONLINE, RECALIBRATED, RECALIBRATING, gap_closed


def daily(learning):
    """How a decider or a network is fitted every day."""
    match learning:
        case RefreshedReplay(replay=inner) | Recalibrated(learning=inner):
            return daily(inner)
    return learning.fitting


def test_all_learners_have_the_same_days_networks_attackers_and_steps():
    assert [trial.name for trial in COMPARISON.trials] == list(LEARNINGS)
    assert [trial.name for trial in MORE.trials] == list(FURTHER)
    assert [trial.name for trial in RECALIBRATED.trials] == list(RECALIBRATING)
    trials = COMPARISON.trials + MORE.trials + RECALIBRATED.trials
    assert all(isinstance(trial, OverDays) for trial in trials)
    assert len({(trial.days, trial.warm_up, trial.attacks) for trial in trials}) == 1
    assert len({daily(trial.learning) for trial in trials}) == 1
    assert len({repr(trial) for trial in trials}) == len(LEARNINGS) + len(FURTHER) + len(RECALIBRATING)


def test_every_row_of_the_recalibrated_table_is_and_those_of_a_name_differ_by_nothing_else():
    assert all(isinstance(learning, Recalibrated) for learning in RECALIBRATING.values())
    both = [name for name in RECALIBRATING if name in LEARNINGS]
    assert {ONLINE, "EWC", "poisoned features", "drawn features", "raw features", BOUND} <= set(both)
    assert all(RECALIBRATING[name].learning == LEARNINGS[name] for name in both)
    assert len({recipe_of(learning) for learning in RECALIBRATING.values()} - {Nothing(), RawFeatures(), RawImages()}) == len(HIDDEN)


def test_refreshed_rows_differ_from_poisoned_features_by_one_refresh_and_from_each_other_by_what_becomes_of_what_was_kept():
    rows = [learning for learning in LEARNINGS.values() if isinstance(learning, RefreshedReplay)]
    assert [row.older for row in rows] == list(get_args(Older))
    assert {replace(row, older="expire") for row in rows} == {rows[0]}
    assert rows[0].replay == LEARNINGS["poisoned features"]
    days = COMPARISON.trials[0].days.count
    assert 1 < rows[0].every < days < 2 * rows[0].every
    assert rows[0].warm_up_days == rows[0].every


def test_columns_are_figures_that_the_trials_have():
    attacks = COMPARISON.trials[0].attacks
    told = {f"ssim_{attack.name}" for attack in attacks} | {"ssim_floor", "disclosed"}
    own = {"top1", "warm_top1", "mean_top1", "backward_transfer", "stored_bytes", "refused_days", "cost_cpu_seconds"}
    assert {column.key for column in COMPARISON.columns} == told | own


def test_the_gap_that_each_learner_closed_is_told_over_the_seeds_of_all_three():
    figures = {
        (ONLINE, 0): 0.3,
        (BOUND, 0): 0.5,
        ("EWC", 0): 0.35,
        (ONLINE, 1): 0.2,
        (BOUND, 1): 0.42,
        ("raw features", 1): 0.31,
        ("EWC", 2): 0,
    }
    (told,) = gap_closed({place: {"top1": value} for place, value in figures.items()})
    # 20 and 22 points; EWC gained 5 of the 20 under its only common seed, raw features 11 of the 22 under theirs
    assert told == "Of the 21.0 points of top-1 between online fine-tuning and keeping all images: EWC 25%, raw features 50%."


@pytest.mark.parametrize("bound", [0.3, 0.2])
def test_where_there_is_no_gap_nothing_closed_it(bound):
    (told,) = gap_closed({(ONLINE, 0): {"top1": 0.3}, (BOUND, 0): {"top1": bound}, ("EWC", 0): {"top1": 0.9}})
    assert told.startswith("Keeping all images is no better than online fine-tuning here (")
    assert gap_closed({(ONLINE, 0): {"top1": 0.3}}) == ()


def test_a_gap_that_may_be_chance_is_not_divided_by():
    for bounds in ({0: 0.5}, {0: 0.5, 1: 0.31}):
        figures = {(ONLINE, seed): {"top1": 0.3} for seed in bounds} | {(BOUND, seed): {"top1": value} for seed, value in bounds.items()}
        (told,) = gap_closed(figures | {("EWC", 0): {"top1": 0.4}})
        assert told.endswith("is not measurable.")
