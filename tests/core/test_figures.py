"""Every figure can be printed; unknown ones are refused where a study is made."""

from dataclasses import replace

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.figures import DEFAULT_COLUMNS, FIGURES, check_columns
from tests.small_study import STUDY


def test_a_pair_is_raw_then_shared_and_nothing_else_has_two_keys():
    for name, figure in FIGURES.items():
        if figure.pair:
            stems = [key[:-2] for key in figure.keys]
            assert stems[0] == stems[1], name
            assert [key[-2:] for key in figure.keys] == ["_z", "_p"], name
            assert not figure.of_decider, name
        else:
            assert len(figure.keys) <= 1, name


def test_no_key_belongs_to_two_figures():
    keys = [key for figure in FIGURES.values() for key in figure.keys]
    assert len(set(keys)) == len(keys)


def test_a_study_takes_known_columns_only_and_they_make_no_other_campaign():
    check_columns(DEFAULT_COLUMNS)
    assert repr(replace(STUDY, columns=("psnr", "top1"))) == repr(STUDY)
    with pytest.raises(SettingError, match="got 'accuracy'"):
        replace(STUDY, columns=("top1", "accuracy"))
    with pytest.raises(SettingError, match="must be different"):
        replace(STUDY, columns=("top1", "top1"))
