import math
import statistics

import pytest

from dpm_flower.core.outcome import Outcome
from dpm_flower.studies.cells import NO_RECEIVER, SILENT, cells_of
from dpm_flower.studies.facts import TestSet
from dpm_flower.studies.rows import MEAN, Missing, rows_of
from tests.studies.hand_made import FACTS, STUDY, changed, outcomes


def row(rows, arm, entity):
    return next(one for one in rows if (one.arm, one.entity) == (arm, entity))


def test_mean_and_deviation_over_seeds_by_hand(results):
    poisoned = row(results.rows, "poisoned", "a")
    assert poisoned.top1.mean == pytest.approx(79.0)  # 78, 79, 80
    assert poisoned.top1.deviation == pytest.approx(1.0)
    assert poisoned.top1.count == 3
    assert (poisoned.ssim_p.mean, poisoned.ssim_p.deviation) == (pytest.approx(0.1), pytest.approx(0.1))  # 0, 0.1, 0.2
    assert poisoned.top1_p.mean == pytest.approx(56.0)
    assert poisoned.bytes_sent.mean == 3e6
    assert poisoned.seconds.mean == 3.0
    assert (poisoned.test_images, poisoned.trivial) == (400, 40.0)
    assert poisoned.missing == ()
    assert poisoned.reason == ""


def test_the_mean_row_spreads_the_means_of_the_seeds_not_the_cells(results):
    mean = row(results.rows, "poisoned", MEAN)
    by_seed = [statistics.fmean([78 + seed, 77 + seed, 76 + seed]) for seed in range(3)]
    assert mean.top1.mean == pytest.approx(statistics.fmean(by_seed))
    assert mean.top1.deviation == pytest.approx(statistics.stdev(by_seed))
    assert mean.top1.count == 3


def test_each_arm_has_its_entities_in_order_and_then_their_mean(results):
    assert [one.entity for one in results.rows if one.arm == "own data"] == ["a", "b", "c", MEAN]
    assert [one.entity for one in results.rows if one.arm == "poisoned, c only"] == ["c", MEAN]
    assert tuple(dict.fromkeys(one.arm for one in results.rows)) == results.arms


def test_one_seed_missing_is_stated_and_the_others_count(holed):
    partial = row(holed.rows, "FedAvg", "b")
    assert partial.top1.count == 2
    assert partial.top1.mean == pytest.approx(80.0)  # 79 and 81
    assert partial.missing == (Missing((1,), "no reply within 60 s"),)
    assert partial.reason == "seed 1: no reply within 60 s"


def test_an_entity_without_any_outcome_has_a_row_with_the_reason(holed):
    silent = row(holed.rows, "FedAvg", "c")
    assert silent.top1 is None
    assert silent.missing == (Missing((0, 1, 2), SILENT),)


def test_a_mean_over_other_entities_is_not_made(holed):
    mean = row(holed.rows, "FedAvg", MEAN)
    assert mean.top1 is None
    assert mean.reason == "seeds 0, 2: no top-1 of c, so no mean; seed 1: no top-1 of b, c, so no mean"
    assert mean.seconds.mean == 3.0  # of a and b in seeds 0 and 2; c never had costs


def test_the_mean_leaves_out_only_the_incomplete_seed():
    rows = rows_of(STUDY, cells_of(STUDY, changed(outcomes(), 2, "FedAvg", "a", quality={}, reason="gone")), FACTS.tests)
    mean = row(rows, "FedAvg", MEAN)
    assert mean.top1.count == 2
    assert mean.top1.mean == pytest.approx(79.5)  # 79 and 80


def test_one_seed_has_no_deviation():
    one_seed = [one for one in outcomes() if one.seed == 0]
    rows = rows_of(STUDY, cells_of(STUDY, one_seed), FACTS.tests)
    assert row(rows, "own data", "a").top1.deviation is None


def test_a_sender_is_listed_but_the_mean_is_of_receivers():
    sent = [Outcome(seed, "poisoned, c only", "a", {"ssim_p": 0.5}) for seed in STUDY.seeds]
    rows = rows_of(STUDY, cells_of(STUDY, [*outcomes(), *sent]), FACTS.tests)
    sender, mean = row(rows, "poisoned, c only", "a"), row(rows, "poisoned, c only", MEAN)
    assert (sender.top1, sender.ssim_p.mean) == (None, 0.5)
    assert sender.missing == (Missing(STUDY.seeds, NO_RECEIVER),)
    assert mean.top1.mean == row(rows, "poisoned, c only", "c").top1.mean
    assert mean.ssim_p.mean == pytest.approx((0.5 + 0.1) / 2)


def test_test_sets_of_different_sizes_have_no_common_number():
    tests = {"a": TestSet(100, 0.2), "b": TestSet(200, 0.4), "c": TestSet(100, 0.6)}
    rows = rows_of(STUDY, cells_of(STUDY, outcomes()), tests)
    assert row(rows, "own data", "b").test_images == 200
    assert row(rows, "own data", MEAN).test_images is None
    assert row(rows, "own data", MEAN).trivial == pytest.approx(40.0)
    assert row(rows, "poisoned, c only", MEAN).test_images == 100


def test_no_row_holds_a_figure_that_is_not_finite():
    rows = rows_of(
        STUDY, cells_of(STUDY, changed(outcomes(), 0, "poisoned", "a", quality={"top1": math.nan, "ssim_p": math.inf})), FACTS.tests
    )
    odd = row(rows, "poisoned", "a")
    assert odd.top1.count == odd.ssim_p.count == 2
