"""The comparison of learners over days: its values fit together, and its conclusion is what its figures say."""

import pytest

from dpm_flower.studies.trials.continual import OverDays
from simulations.retention import BOUND, COMPARISON, LEARNINGS, ONLINE, gap_closed


def test_all_learners_have_the_same_days_networks_attackers_and_steps():
    assert [trial.name for trial in COMPARISON.trials] == list(LEARNINGS)
    assert all(isinstance(trial, OverDays) for trial in COMPARISON.trials)
    assert len({(trial.days, trial.warm_up, trial.attacks) for trial in COMPARISON.trials}) == 1
    assert len({trial.learning.fitting for trial in COMPARISON.trials}) == 1
    assert len({repr(trial) for trial in COMPARISON.trials}) == len(LEARNINGS)


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
        (BOUND, 1): 0.6,
        ("raw features", 1): 0.5,
        ("EWC", 2): 0,
    }
    (told,) = gap_closed({place: {"top1": value} for place, value in figures.items()})
    # 30 points on average; EWC gained 5 under its only common seed, raw features 30 under theirs
    assert told == "Of the 30.0 points of top-1 between online fine-tuning and keeping all images: EWC 17%, raw features 100%."


@pytest.mark.parametrize("bound", [0.3, 0.2])
def test_where_there_is_no_gap_nothing_closed_it(bound):
    (told,) = gap_closed({(ONLINE, 0): {"top1": 0.3}, (BOUND, 0): {"top1": bound}, ("EWC", 0): {"top1": 0.9}})
    assert told.startswith("Keeping all images is no better than online fine-tuning here (")
    assert gap_closed({(ONLINE, 0): {"top1": 0.3}}) == ()
