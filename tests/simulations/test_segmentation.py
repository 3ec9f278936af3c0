"""The comparison of segmenters: its rows differ in who receives and in what is learnt from alone, and no others are missing."""

from dataclasses import replace

from simulations.segmentation import COMPARISON, RECEIVERS
from simulations.synthetic import COMPARISON as SYNTHETIC

LEARNT_FROM = [trial for trial in COMPARISON.trials if hasattr(trial, "peers")]


def test_trials_differ_in_who_receives_and_what_is_learnt_from_alone():
    first = LEARNT_FROM[0]
    assert all(replace(trial, name=first.name, receiver=first.receiver, own=first.own, peers=first.peers) == first for trial in LEARNT_FROM)
    ways = [(trial.own, trial.peers and trial.peers.name) for trial in LEARNT_FROM]
    assert len(set(ways)) == 5
    assert all(ways[:5] == ways[5:] for _ in RECEIVERS)
    averaged = [trial for trial in COMPARISON.trials if trial not in LEARNT_FROM]
    assert [trial.receiver for trial in averaged] == list(RECEIVERS)
    assert all((trial.cut, trial.segmenter) == (first.cut, first.segmenter) for trial in averaged)


def test_its_settings_are_those_of_the_comparison_of_synthetic_pairs():
    one, other = LEARNT_FROM[0], SYNTHETIC.trials[0]
    assert (one.cut.side, one.cut.patch, one.cut.held_out) == (other.side, other.patch, other.held_out)
    assert (one.segmenter.width, one.segmenter.fitting, one.segmenter.dice) == (other.width, other.fitting, other.dice)
    assert {trial.peers.maker for trial in LEARNT_FROM if hasattr(trial.peers, "maker")} == {other.maker}
