"""The comparisons of synthetic images: their trials differ in what is learnt from alone, and their columns are figures that are found."""

from dataclasses import replace

import pytest

from simulations.synthetic import COMPARISON
from simulations.synthetic_classes import CIFAR
from simulations.synthetic_classes import COMPARISON as CLASSES


@pytest.mark.parametrize(("comparison", "knob", "rows"), [(COMPARISON, "pairs", 3), (CLASSES, "taught_by", 4), (CIFAR, "taught_by", 4)])
def test_trials_differ_in_what_is_learnt_from_alone(comparison, knob, rows):
    first, *others = comparison.trials
    assert len({getattr(trial, knob) for trial in comparison.trials}) == len(comparison.trials) == rows
    assert all(replace(trial, name=first.name, **{knob: getattr(first, knob)}) == first for trial in others)
