"""The comparison of detectors over days: its values fit together, and its conclusion is what its figures say."""

from dataclasses import replace

import pytest

from dpm_flower.studies.trials.detection_days import DetectionOverDays
from dpm_flower.training.continual.detection.ewc import ElasticDetector
from dpm_flower.training.continual.detection.replay import BoxedReplay
from simulations.retention_detection import BOUND, COMPARISON, LEARNINGS, ONLINE, gap_closed


def test_all_learners_have_the_same_days_networks_attackers_and_steps():
    assert [trial.name for trial in COMPARISON.trials] == list(LEARNINGS)
    assert all(isinstance(trial, DetectionOverDays) for trial in COMPARISON.trials)
    assert len({(trial.days, trial.warm_up, trial.attackers) for trial in COMPARISON.trials}) == 1
    assert len({trial.learning.fitting for trial in COMPARISON.trials}) == 1


def test_rows_of_a_kind_differ_in_one_thing_each():
    plain, huber, pseudo = (learning for learning in LEARNINGS.values() if isinstance(learning, ElasticDetector))
    assert (plain.bound, plain.pseudo) == (None, None)
    assert replace(huber, bound=None) == plain
    assert replace(pseudo, pseudo=None) == huber
    assert pseudo.pseudo is not None
    poisoned, adapting, raw = (learning.recipe for learning in LEARNINGS.values() if isinstance(learning, BoxedReplay))
    assert replace(adapting, adversaries=None) == poisoned
    assert (poisoned.equivalence, adapting.adversaries.count, raw) == ("activations", 2, None)


@pytest.mark.parametrize("bound", [0.3, 0.2])
def test_without_a_gap_nothing_is_divided_by_it(bound):
    (told,) = gap_closed({(ONLINE, 0): {"map50": 0.3}, (BOUND, 0): {"map50": bound}, ("EWC", 0): {"map50": 0.3}})
    assert told.endswith("there is no gap to close.")


def test_the_gap_that_each_learner_closed_is_told_over_the_seeds_of_all_three():
    shares = {
        (ONLINE, 0): 0.3,
        (BOUND, 0): 0.5,
        ("EWC", 0): 0.35,
        (ONLINE, 1): 0.2,
        (BOUND, 1): 0.42,
        ("raw features", 1): 0.31,
        ("EWC", 2): 0,
    }
    (told,) = gap_closed({place: {"map50": value} for place, value in shares.items()})
    assert told == "Of the 21.0 points of mAP50 between online fine-tuning and keeping all images: EWC 25%, raw features 50%."
    assert gap_closed({(ONLINE, 0): {"map50": 0.3}}) == ()


def test_a_gap_that_may_be_chance_is_not_divided_by():
    for bounds in ({0: 0.5}, {0: 0.5, 1: 0.31}):
        figures = {(ONLINE, seed): {"map50": 0.3} for seed in bounds} | {(BOUND, seed): {"map50": value} for seed, value in bounds.items()}
        (told,) = gap_closed(figures | {("EWC", 0): {"map50": 0.4}})
        assert told.endswith("is not measurable.")
