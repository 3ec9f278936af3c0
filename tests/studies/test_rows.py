import math
import statistics
from dataclasses import replace

import pytest

from dpm_flower.core.arms import RECEIVED
from dpm_flower.core.outcome import Outcome
from dpm_flower.studies.cells import NO_RELEASE, SILENT, cells_of
from dpm_flower.studies.facts import TestSet
from dpm_flower.studies.rows import MEAN, Missing, rows_of
from tests.studies.hand_made import FACTS, STUDY, changed, outcomes


def row(rows, arm, entity):
    return next(one for one in rows if (one.arm, one.entity) == (arm, entity))


def test_mean_and_deviation_over_seeds_by_hand(results):
    poisoned = row(results.rows, "poisoned", "a")
    figures = poisoned.figures
    assert figures["top1"].mean == pytest.approx(0.79)  # 0.78, 0.79, 0.80
    assert figures["top1"].deviation == pytest.approx(0.01)
    assert figures["top1"].count == 3
    assert (figures["ssim_p"].mean, figures["ssim_p"].deviation) == (pytest.approx(0.1), pytest.approx(0.1))  # 0, 0.1, 0.2
    assert figures["top1_p"].mean == pytest.approx(0.56)
    assert figures["cost_bytes_sent"].mean == 3e6
    assert figures["cost_seconds"].mean == 3.0
    assert poisoned.figure("top1", 100.0).deviation == pytest.approx(1.0)
    assert poisoned.figure("l1_p") is None
    assert (poisoned.test_images, poisoned.trivial) == (400, 0.4)
    assert poisoned.missing == ()
    assert poisoned.reason == ""


def test_the_mean_row_spreads_the_means_of_the_seeds_not_the_cells(results):
    mean = row(results.rows, "poisoned", MEAN)
    by_seed = [statistics.fmean([78 + seed, 77 + seed, 76 + seed]) / 100 for seed in range(3)]
    assert mean.figures["top1"].mean == pytest.approx(statistics.fmean(by_seed))
    assert mean.figures["top1"].deviation == pytest.approx(statistics.stdev(by_seed))
    assert mean.figures["top1"].count == 3


def test_each_arm_has_its_entities_in_order_and_then_their_mean(results):
    assert [one.entity for one in results.rows if one.arm == "own data"] == ["a", "b", "c", MEAN]
    assert [one.entity for one in results.rows if one.arm == "poisoned, c only"] == ["c"]  # one receiver, one row
    assert tuple(dict.fromkeys(one.arm for one in results.rows)) == results.arms


def test_one_seed_missing_is_stated_and_the_others_count(holed):
    partial = row(holed.rows, "FedAvg", "b")
    assert partial.figures["top1"].count == 2
    assert partial.figures["top1"].mean == pytest.approx(0.8)  # 0.79 and 0.81
    assert partial.missing == (Missing((1,), "no reply within 60 s"),)
    assert partial.reason == "seed 1: no reply within 60 s"


def test_an_entity_without_any_outcome_has_a_row_with_the_reason(holed):
    silent = row(holed.rows, "FedAvg", "c")
    assert silent.figures == {}
    assert silent.missing == (Missing((0, 1, 2), SILENT),)


def test_a_mean_over_other_entities_is_not_made(holed):
    mean = row(holed.rows, "FedAvg", MEAN)
    assert "top1" not in mean.figures
    assert mean.reason == "seeds 0, 2: no top-1 of c, so no mean; seed 1: no top-1 of b, c, so no mean"
    assert mean.figures["cost_seconds"].mean == 3.0  # of a and b in seeds 0 and 2; c never had costs


def test_the_mean_leaves_out_only_the_incomplete_seed():
    rows = rows_of(STUDY, cells_of(STUDY, changed(outcomes(), 2, "FedAvg", "a", quality={}, reason="gone")), FACTS.tests)
    mean = row(rows, "FedAvg", MEAN)
    assert mean.figures["top1"].count == 2
    assert mean.figures["top1"].mean == pytest.approx(0.795)  # 0.79 and 0.80


def test_one_seed_has_no_deviation():
    one_seed = [one for one in outcomes() if one.seed == 0]
    rows = rows_of(STUDY, cells_of(STUDY, one_seed), FACTS.tests)
    assert row(rows, "own data", "a").figures["top1"].deviation is None


def test_the_only_receivers_row_has_its_own_decider_and_the_mean_of_the_releases():
    sent = [Outcome(seed, "poisoned, c only", "a", {"ssim_p": 0.5}, {"seconds": 50.0, "bytes_sent": 1e6}) for seed in STUDY.seeds]
    refused = [Outcome(0, "poisoned, c only", "b", reason="too late")]
    rows = rows_of(STUDY, cells_of(STUDY, [*outcomes(), *sent, *refused]), FACTS.tests)
    only = [one for one in rows if one.arm == "poisoned, c only"]
    assert [one.entity for one in only] == ["c"]
    assert only[0].figures["top1"].mean == pytest.approx(0.76)  # 0.75, 0.76, 0.77
    assert only[0].figures["cost_seconds"].mean == 3.0  # its own
    assert only[0].figures["ssim_p"].mean == pytest.approx((0.5 + 0.1) / 2)
    assert only[0].figures["cost_sender_seconds"].mean == 50.0  # of a; c's contain its receiving
    assert only[0].figures["cost_bytes_sent"].mean == 2e6
    assert only[0].missing == (Missing((0,), "b: too late"),)  # nobody misses that a receives nothing


def test_of_several_receivers_senders_count_in_the_mean_and_have_no_row():
    study = replace(STUDY, arms=(replace(STUDY.arms[2], receivers=("b", "c")),))
    some = [one for one in outcomes() if one.arm in (RECEIVED, "poisoned")]
    bare = changed(some, 0, "poisoned", "a", quality={"ssim_p": 0.9})
    rows = rows_of(study, cells_of(study, bare), FACTS.tests)
    assert [one.entity for one in rows if one.arm == "poisoned"] == ["b", "c", MEAN]
    mean = row(rows, "poisoned", MEAN)
    assert mean.figures["top1"].mean == pytest.approx(0.775)  # of b and c
    assert mean.figures["ssim_p"].mean == pytest.approx((0.9 / 3 + 0.1 + 0.2) / 3)  # of all who release, seed by seed
    assert mean.missing == ()


def costing(receivers, senders=(), refine="own"):
    """The mean row of an arm in which the first entity spends 1 s and 10 bytes of memory, the next 2 s and 20, then 3 s and 30."""
    arm = replace(STUDY.arms[2], receivers=receivers, senders=senders, refine=refine)
    study = replace(STUDY, arms=(arm,), seeds=(0,))
    some = []
    for place, name in enumerate("abc", 1):
        sent = 0.0 if senders and name not in senders else 100.0 * place
        costs = {"seconds": float(place), "memory_bytes": 10.0 * place, "bytes_sent": sent}
        some.append(Outcome(0, "poisoned", name, {"top1": 0.5, "ssim_p": 0.1}, costs))
    return row(rows_of(study, cells_of(study, some), FACTS.tests), "poisoned", MEAN).figures


def test_what_a_receiver_costs_is_no_mean_with_those_who_only_send():
    figures = costing(("b", "c"))
    assert (figures["cost_seconds"].mean, figures["cost_memory_bytes"].mean) == (2.5, 25.0)
    assert (figures["cost_sender_seconds"].mean, figures["cost_sender_memory_bytes"].mean) == (1.0, 10.0)
    assert figures["cost_bytes_sent"].mean == 200.0  # all three upload


def test_where_everybody_receives_or_nobody_there_is_no_mere_sender():
    for figures in (costing(()), costing((), refine="none")):
        assert (figures["cost_seconds"].mean, figures["cost_memory_bytes"].mean) == (2.0, 20.0)
        assert "cost_sender_seconds" not in figures


def test_an_upload_is_a_mean_over_those_who_upload():
    assert costing(("b", "c"), senders=("a",))["cost_bytes_sent"].mean == 100.0
    assert costing(("b", "c"), senders=("a",), refine="shared")["cost_bytes_sent"].mean == pytest.approx(100.0 / 3)  # all send updates


@pytest.mark.parametrize("senders", [("a",), ("a", "b"), ()])
def test_where_nobody_trains_releases_are_judged_and_nothing_is_missing(senders):
    arm = replace(STUDY.arms[2], refine="none", senders=senders)
    study = replace(STUDY, arms=(arm,))
    released = {"ssim_z": 0.7, "ssim_p": 0.1, "top1_p": 0.5}
    names = senders or STUDY.partition.names
    judged = [Outcome(seed, "poisoned", name, released if name in names else {}) for seed in STUDY.seeds for name in STUDY.partition.names]
    rows = [one for one in rows_of(study, cells_of(study, judged), FACTS.tests) if one.arm == "poisoned"]
    assert [one.entity for one in rows] == [*names, MEAN][: 1 if len(names) == 1 else None]
    for one in rows:
        assert (one.missing, one.trained, one.test_images, one.trivial) == ((), False, 400, pytest.approx(0.4))
        assert one.figures["ssim_p"].mean == pytest.approx(0.1)
        assert "top1" not in one.figures


def test_a_release_that_is_missing_where_nobody_trains_is_stated():
    study = replace(STUDY, arms=(replace(STUDY.arms[2], refine="none"),))
    judged = [Outcome(seed, "poisoned", "a", {"ssim_p": 0.1}) for seed in STUDY.seeds]
    judged += [Outcome(0, "poisoned", "b", reason="no memory"), Outcome(1, "poisoned", "b")]
    rows = rows_of(study, cells_of(study, judged), FACTS.tests)
    assert row(rows, "poisoned", "b").reason == f"seed 0: no memory; seed 1: {NO_RELEASE}; seed 2: {SILENT}"
    assert not row(rows, "poisoned", MEAN).trained


def test_test_sets_of_different_sizes_have_no_common_number():
    tests = {"a": TestSet(100, 0.2), "b": TestSet(200, 0.4), "c": TestSet(100, 0.6)}
    rows = rows_of(STUDY, cells_of(STUDY, outcomes()), tests)
    assert row(rows, "own data", "b").test_images == 200
    assert row(rows, "own data", MEAN).test_images is None
    assert row(rows, "own data", MEAN).trivial == pytest.approx(0.4)
    assert row(rows, "poisoned, c only", "c").test_images == 100


def test_no_row_holds_a_figure_that_is_not_finite():
    rows = rows_of(
        STUDY, cells_of(STUDY, changed(outcomes(), 0, "poisoned", "a", quality={"top1": math.nan, "ssim_p": math.inf})), FACTS.tests
    )
    odd = row(rows, "poisoned", "a")
    assert odd.figures["top1"].count == odd.figures["ssim_p"].count == 2
