"""The comparison of detectors over days: its values fit together, and its conclusion is what its figures say."""

from dataclasses import replace

from dpm_flower.studies.trials.detection_days import DetectionOverDays
from dpm_flower.training.continual.detection.ewc import ElasticDetector
from dpm_flower.training.continual.detection.replay import BoxedReplay
from simulations.retention_detection import BOUND, COMPARISON, LEARNINGS, ONLINE


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
    nothing, poisoned, adapting, raw = (learning for learning in LEARNINGS.values() if isinstance(learning, BoxedReplay))
    assert replace(nothing, keeps=True) == raw == replace(poisoned, recipe=None)
    assert replace(adapting.recipe, adversaries=None) == poisoned.recipe
    assert (poisoned.recipe.equivalence, adapting.recipe.adversaries.count) == ("activations", 2)


def test_what_counts_is_mean_average_precision():
    figures = {(ONLINE, seed): {"map50": 0.3} for seed in (0, 1)} | {
        (BOUND, seed): {"map50": value} for seed, value in ((0, 0.5), (1, 0.52))
    }
    (told,) = COMPARISON.conclude(figures | {("EWC", 0): {"map50": 0.35}})
    assert told == "Of the 21.0 points of mAP50 between online fine-tuning and keeping all images: EWC 25%."
