"""The comparisons of synthetic images: their trials differ in what is learnt from alone, and their columns are figures that are found."""

from dataclasses import replace

import pytest

from simulations.synthetic import COMPARISON
from simulations.synthetic_classes import CIFAR
from simulations.synthetic_classes import COMPARISON as CLASSES


@pytest.mark.parametrize(("comparison", "knob"), [(COMPARISON, "pairs"), (CLASSES, "taught_by"), (CIFAR, "taught_by")])
def test_trials_differ_in_what_is_learnt_from_alone(comparison, knob):
    first, *others = comparison.trials
    assert len({getattr(trial, knob) for trial in comparison.trials}) == len(comparison.trials) == 3
    assert all(replace(trial, name=first.name, **{knob: getattr(first, knob)}) == first for trial in others)
