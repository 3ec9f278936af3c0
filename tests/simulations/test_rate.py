"""The comparison of rates: all systems at all qualities, on one task, and columns that are figures."""

import pytest

from dpm_flower.studies.trials.coding import CodedTrial, PictureTrial
from dpm_flower.studies.trials.coding_conclusions import CodingConclusions
from simulations import rate
from simulations.rate import AT_64, CODECS, COMPARISON, LEAKAGE, SYSTEMS


@pytest.mark.parametrize("comparison", [COMPARISON, LEAKAGE, AT_64])
def test_every_system_is_tried_at_every_quality_on_one_task(comparison):
    coded = [trial for trial in comparison.trials if isinstance(trial, CodedTrial)]
    assert [(trial.system, trial.codec) for trial in coded] == [(system, codec) for system in SYSTEMS.values() for codec in CODECS]
    assert {trial.codecs for trial in coded} == {CODECS}
    assert len({trial.task for trial in comparison.trials}) == 1
    assert {trial.format for trial in comparison.trials if isinstance(trial, PictureTrial)} == {"JPEG", "AVIF"}


def test_both_bottlenecks_differ_in_the_disturbance_alone_and_all_systems_have_as_many_steps():
    plain, adversarial, poisoned = (SYSTEMS[name] for name in ("bottleneck", "adversarial", "poisoned"))
    assert plain.loss.disturb == 0 < adversarial.loss.disturb
    assert plain.loss.compress == adversarial.loss.compress > 0
    assert plain.fitting == adversarial.fitting == poisoned.method.fitting


def test_conclusions_name_the_systems_that_there_are():
    named = CodingConclusions()
    assert {named.direct, named.plain, named.adversarial, named.poisoned} == set(SYSTEMS)
    assert {trial.name.partition(": ")[0] for trial in COMPARISON.trials} == {*SYSTEMS, "JPEG", "AVIF"}


def test_what_leaks_is_another_drawing_of_the_same_rows_and_the_docstring_says_so():
    assert LEAKAGE.trials == COMPARISON.trials
    assert LEAKAGE.chart != COMPARISON.chart
    assert "simulations.rate:LEAKAGE" in rate.__doc__


def test_images_of_64_pixels_are_another_task():
    assert {trial.task.side for trial in AT_64.trials} == {64}
    assert {trial.task.side for trial in COMPARISON.trials} == {32}
