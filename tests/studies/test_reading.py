from dataclasses import replace

from dpm_flower.studies.reading import reading_of
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes


def test_a_low_similarity_is_never_called_safe(results):
    assert "weakest attacker" in " ".join(reading_of(results).does_not_show)
    assert "does not prove that nothing leaks" in " ".join(reading_of(results).does_not_show)


def test_missing_cells_are_counted(holed, results):
    assert "4 of 48 cells" in " ".join(reading_of(holed).does_not_show)
    assert "cells" not in " ".join(reading_of(results).does_not_show)


def test_sentences_appear_only_where_they_apply():
    study = replace(STUDY, arms=STUDY.arms[:2], seeds=(0,))
    names = {"D as received", "own data", "raw features"}
    bare = reading_of(results_of(study, [one for one in outcomes() if one.seed == 0 and one.arm in names], FACTS))
    assert "attacker" not in " ".join(bare.does_not_show)
    assert "1 seed, differences between arms may be chance" in " ".join(bare.does_not_show)
    assert "Gain kept" not in " ".join(bare.shows)
