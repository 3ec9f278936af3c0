from dataclasses import replace

from dpm_flower.core.arms import RECEIVED
from dpm_flower.core.outcome import Outcome
from dpm_flower.studies.reading import reading_of
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, changed, outcomes


def test_a_low_similarity_is_never_called_safe(results):
    assert "weakest attacker" in " ".join(reading_of(results).does_not_show)
    assert "does not prove that nothing leaks" in " ".join(reading_of(results).does_not_show)


def test_missing_cells_are_counted(holed, results):
    assert "4 of 48 cells" in " ".join(reading_of(holed).does_not_show)
    assert "cells" not in " ".join(reading_of(results).does_not_show)


def test_who_only_sends_is_missed_in_no_arm():
    study = replace(STUDY, arms=(STUDY.arms[3],))
    sent = [Outcome(seed, "poisoned, c only", name, {"ssim_p": 0.1}, {"seconds": 1.0}) for seed in STUDY.seeds for name in "ab"]
    some = [*sent, *(one for one in outcomes() if one.arm in (RECEIVED, "poisoned, c only"))]
    assert " have no " not in " ".join(reading_of(results_of(study, some, FACTS)).does_not_show)
    gone = changed(some, 0, "poisoned, c only", "c", quality={}, reason="gone")
    assert "1 of 12 cells (seed, arm, entity) have no top-1" in " ".join(reading_of(results_of(study, gone, FACTS)).does_not_show)


def test_releases_that_are_missing_where_nobody_trains_are_counted():
    study = replace(STUDY, arms=(replace(STUDY.arms[2], refine="none"),))
    released = [Outcome(seed, "poisoned", name, {"ssim_p": 0.1}) for seed in STUDY.seeds for name in "abc"]
    some = [*released[1:], *(one for one in outcomes() if one.arm == RECEIVED)]
    told = " ".join(reading_of(results_of(study, some, FACTS)).does_not_show)
    assert "1 of 9 cells (seed, arm, entity) have no figures of a release" in told
    assert "no top-1" not in told


def test_whose_memory_a_peak_is_is_said_where_there_is_one(results):
    some = [replace(one, costs={"memory_bytes": 1e9}) for one in outcomes()]
    assert "answers for many entities" in " ".join(reading_of(results_of(STUDY, some, FACTS)).does_not_show)
    assert "answers for many entities" not in " ".join(reading_of(results).does_not_show)


def test_sentences_appear_only_where_they_apply():
    study = replace(STUDY, arms=STUDY.arms[:2], seeds=(0,))
    names = {"D as received", "own data", "raw features"}
    bare = reading_of(results_of(study, [one for one in outcomes() if one.seed == 0 and one.arm in names], FACTS))
    assert "attacker" not in " ".join(bare.does_not_show)
    assert "1 seed, differences between arms may be chance" in " ".join(bare.does_not_show)
    assert "Gain kept" not in " ".join(bare.shows)
