"""The comparison with DeepObfuscator, hardly trained: every row comes, with the figures that its table needs."""

from dataclasses import replace

import pytest

from dpm_flower.nets.feature_classifier import PUBLISHED
from dpm_flower.nets.obfuscator import PUBLISHED_WIDTH
from dpm_flower.studies.trials.attribute_scene import AttributeTask
from dpm_flower.studies.trials.protections import NoProtection, Obfuscated, Poisoned
from simulations import table4
from tests.studies.trials.faces import FEW, TASK, archive, brief, ground

ROWS = {trial.name: trial for trial in table4.COMPARISON.trials}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table4")
    data = archive(folder / "faces.npz")
    small = [
        replace(trial, task=TASK, pairs=8, tuning=FEW, protection=brief(trial.protection), shown=1) for trial in table4.COMPARISON.trials
    ]
    return {trial.name: trial.run(replace(ground(data, folder), folder=folder / trial.name)).figures for trial in small}


def test_every_row_comes_and_every_column_is_a_figure_of_all_that_have_a_secret(figures):
    keys = {column.key for column in table4.COMPARISON.columns if not column.key.startswith("recovered")}  # nothing was learnt yet
    assert list(figures) == list(ROWS)
    for name, found in figures.items():
        missing = keys - set(found)
        assert not missing if ROWS[name].protection.is_secret else all("A2" in key or "A3" in key for key in missing)


def test_rows_differ(figures):
    for key in ("utility_map", "ssim_A4"):
        assert len({found[key] for found in figures.values()}) == len(ROWS), key


def test_the_rows_are_none_the_obfuscator_and_three_modules_each_with_one_thing_more():
    protections = [trial.protection for trial in table4.COMPARISON.trials]
    assert [type(each) for each in protections] == [NoProtection, Obfuscated, Poisoned, Poisoned, Poisoned]
    plain, adapting, hiding = (each.method for each in protections[2:])
    assert plain.equivalence == "labels"
    assert plain.adversaries is plain.privacy is adapting.privacy is None
    assert adapting == replace(plain, adversaries=adapting.adversaries)
    assert hiding == replace(adapting, privacy=hiding.privacy)
    assert adapting.adversaries is not None
    assert hiding.privacy is not None
    assert len({trial.task for trial in table4.COMPARISON.trials}) == 1
    assert protections[1].obfuscation.privacy is not None


def test_the_published_size_is_a_value_of_the_knobs():
    task = replace(ROWS["none"].task, width=PUBLISHED_WIDTH, convolutions=PUBLISHED)
    assert isinstance(task, AttributeTask)
    assert (task.width, task.convolutions, task.utility) == (64, (3, 3, 3), 20)
