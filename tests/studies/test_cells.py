import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.arms import RECEIVED
from dpm_flower.core.errors import StudyError
from dpm_flower.core.outcome import Outcome, RoundFigures
from dpm_flower.studies.cells import LONGEST_REASON, NO_RECEIVER, NO_RELEASE, NO_TOP1, SILENT, cells_of, receivers_of, releasers_of, said
from tests.studies.hand_made import STUDY, changed, outcome, outcomes


def cell(cells, seed, arm, entity):
    return next(one for one in cells if (one.seed, one.arm, one.entity) == (seed, arm, entity))


def test_every_receiver_of_every_arm_has_a_cell_even_if_nothing_came():
    cells = cells_of(STUDY, [])
    assert len(cells) == 3 * (5 * 3 + 1)  # five arms of all entities (one of them as received), one with a single receiver
    assert {one.reason for one in cells} == {SILENT}


def test_order_is_the_studys_whatever_the_order_of_arrival():
    shuffled = outcomes()
    random.Random(0).shuffle(shuffled)
    assert cells_of(STUDY, shuffled) == cells_of(STUDY, outcomes())
    assert [one.arm for one in cells_of(STUDY, shuffled)][:4] == [RECEIVED] * 3 + ["own data"]


def test_receivers_keep_the_order_of_the_entities():
    assert receivers_of(STUDY, "poisoned, c only") == ("c",)
    assert receivers_of(STUDY, "FedAvg") == receivers_of(STUDY, RECEIVED) == ("a", "b", "c")


def test_a_sender_that_is_no_receiver_is_listed_with_its_release():
    sent = Outcome(0, "poisoned, c only", "a", {"ssim_p": 0.2})
    listed = cell(cells_of(STUDY, [*outcomes(), sent]), 0, "poisoned, c only", "a")
    assert (listed.quality, listed.reason) == ({"ssim_p": 0.2}, NO_RECEIVER)


def test_an_empty_outcome_of_a_non_receiver_is_no_cell():
    assert cells_of(STUDY, [*outcomes(), Outcome(0, "poisoned, c only", "a")]) == cells_of(STUDY, outcomes())


def test_a_stated_reason_stands_in_for_top1():
    failed = cell(cells_of(STUDY, changed(outcomes(), 0, "poisoned", "a", reason="refused")), 0, "poisoned", "a")
    assert failed.reason == "refused"
    assert "top1" not in failed.quality
    assert failed.quality["ssim_z"] == 0.7  # the release was made nevertheless


def test_an_outcome_without_top1_says_so():
    bare = cell(cells_of(STUDY, changed(outcomes(), 0, "FedAvg", "a", quality={"validation_top1": 0.5})), 0, "FedAvg", "a")
    assert bare.reason == NO_TOP1


@pytest.mark.parametrize("top1", [math.nan, math.inf, -0.1, 1.5])
def test_an_impossible_top1_becomes_a_reason(top1):
    bad = cell(cells_of(STUDY, changed(outcomes(), 0, "FedAvg", "a", quality={"top1": top1})), 0, "FedAvg", "a")
    assert bad.quality == {}
    assert str(top1) in bad.reason


def test_another_figure_that_is_not_finite_is_named_and_top1_stays():
    quality = {"top1": 0.5, "ssim_p": math.nan}
    odd = cell(cells_of(STUDY, changed(outcomes(), 0, "poisoned", "a", quality=quality, costs={"seconds": math.inf})), 0, "poisoned", "a")
    assert (odd.quality, odd.costs) == ({"top1": 0.5}, {})
    assert odd.reason == "ssim_p is nan; seconds is inf"


@pytest.mark.parametrize(
    ("seed", "arm", "entity", "what"), [(9, "FedAvg", "a", "seed 9"), (0, "x", "a", "arm 'x'"), (0, "FedAvg", "z", "'z'")]
)
def test_an_outcome_of_another_study_is_refused(seed, arm, entity, what):
    with pytest.raises(StudyError, match=what):
        cells_of(STUDY, [*outcomes(), Outcome(seed, arm, entity)])


def test_a_cell_that_comes_twice_is_refused():
    with pytest.raises(StudyError, match="got two"):
        cells_of(STUDY, [*outcomes(), outcome(0, "FedAvg", "a")])


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=400))
def test_words_of_a_peer_are_short_printable_and_no_formula(text):
    line = said(text)
    assert line.isprintable()
    assert len(line) <= LONGEST_REASON
    assert not line.startswith(("=", "+", "-", "@", " "))
    assert said(line) == line


def test_terminal_commands_are_taken_out_of_a_peers_words():
    assert said("=cmd|' /c'\x1b[31m red\nline") == "cmd|' /c' [31m red line"


def test_a_remark_stands_beside_figures_and_takes_none_away():
    (one,) = [each for each in cells_of(STUDY, [Outcome(0, RECEIVED, "a", {"top1": 0.5}, remark="without c")]) if each.quality]
    assert one.quality == {"top1": 0.5}
    assert one.reason == "without c"


def test_rounds_are_kept_with_their_finite_figures():
    """JSON knows no NaN."""
    odd = RoundFigures(1, {"top1": math.nan, "validation_top1": 0.5}, {"seconds": math.inf, "bytes_sent": 1.0})
    rounds = (odd, RoundFigures(2, {}, {}))
    kept = cell(cells_of(STUDY, changed(outcomes(), 0, "FedAvg", "a", rounds=rounds)), 0, "FedAvg", "a").rounds
    assert kept == (RoundFigures(1, {"validation_top1": 0.5}, {"bytes_sent": 1.0}), RoundFigures(2, {}, {}))


@pytest.mark.parametrize("senders", [(), ("a", "c")])
def test_where_nobody_trains_every_sender_has_a_cell_and_a_release_needs_no_reason(senders):
    study = replace(STUDY, arms=(replace(STUDY.arms[2], refine="none", senders=senders),))
    names = senders or ("a", "b", "c")
    assert (receivers_of(study, "poisoned"), releasers_of(study, "poisoned")) == ((), names)
    judged = [Outcome(0, "poisoned", "a", {"ssim_p": 0.2}), Outcome(0, "poisoned", "c", {}, {"seconds": 1.0})]
    cells = [one for one in cells_of(replace(study, seeds=(0,)), judged) if one.arm == "poisoned"]
    reasons = {"a": "", "b": SILENT, "c": NO_RELEASE}
    assert [(one.entity, one.reason) for one in cells] == [(name, reasons[name]) for name in names]


def test_in_an_arm_that_trains_or_shares_nothing_no_release_is_the_point():
    assert releasers_of(STUDY, "poisoned") == releasers_of(STUDY, "FedAvg") == releasers_of(STUDY, RECEIVED) == ()
    assert releasers_of(replace(STUDY, arms=(replace(STUDY.arms[0], refine="none"),)), "own data") == ()
