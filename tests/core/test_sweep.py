"""A sweep refuses what could not become folders and a table."""

from dataclasses import replace

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.sweep import Sweep
from tests.small_study import STUDY


def sweep(*labels, **change):
    return Sweep(name="mine", variants=tuple((label, STUDY) for label in labels), **change)


def test_variants_keep_their_order_and_are_found_by_label():
    other = replace(STUDY, seeds=(5,))
    both = Sweep(name="mine", variants=(("z", STUDY), ("alpha=0.1", other)))
    assert both.labels == ("z", "alpha=0.1")
    assert both.study("alpha=0.1") is other
    with pytest.raises(SettingError, match=r"it has z, alpha=0\.1"):
        both.study("b")


@pytest.mark.parametrize("label", ["", ".", "..", ".hidden", "a/b", "a b", "ü", "-x", "sweep.html", "SWEEP.json", "x" * 65, "a\n", "dot."])
def test_a_label_that_can_be_no_folder_is_refused(label):
    with pytest.raises(SettingError, match="can name a folder"):
        sweep("good", label)


def test_labels_that_one_folder_would_hold_are_refused():
    with pytest.raises(SettingError, match="more than capital letters"):
        sweep("A", "a")


@pytest.mark.parametrize("name", ["", "a/b", "../up"])
def test_a_name_that_can_be_no_folder_is_refused(name):
    with pytest.raises(SettingError, match="a sweep's name"):
        Sweep(name=name, variants=(("a", STUDY),))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": ("top2",)}, "'top2'"),
        ({"columns": ()}, "at least one column"),
        ({"columns": ("ssim", "ssim")}, "must be different"),
        ({"figure": "accuracy"}, "'accuracy'"),
        ({"figure": "seeds"}, "not seeds"),
    ],
)
def test_unknown_figures_are_refused(change, told):
    with pytest.raises(SettingError, match=told):
        sweep("a", **change)


def test_no_variants_and_no_studies_are_refused():
    with pytest.raises(SettingError, match="at least one variant"):
        sweep()
    with pytest.raises(SettingError, match="must be a Study, got int"):
        Sweep(name="mine", variants=(("a", 3),))


def test_it_knows_whether_it_takes_paths():
    assert not sweep("a").takes_paths
    assert Sweep(name="mine", variants=(("a", STUDY), ("b", replace(STUDY, data="{1}?label=Male")))).takes_paths
