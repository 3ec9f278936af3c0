import io
from dataclasses import replace

import pytest
from rich.console import Console

from dpm_flower.core.arms import RECEIVED
from dpm_flower.studies.results import results_of
from dpm_flower.studies.table import result_table
from tests.studies.hand_made import FACTS, STUDY, outcomes


def printed(results, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False, color_system=None)
    console.print(result_table(results, width))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(holed, width):
    text = printed(holed, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for figure in ("79.0 ± 1.0", "80 % [72, 87]", "0.70 → 0.10", "not measurable"):
        assert figure in text


def test_120_columns_hold_costs_and_80_say_where_they_are(results):
    assert "MB" in printed(results, 120)
    assert "results.csv" not in printed(results, 120)
    assert "MB" not in printed(results, 80)
    assert "results.csv" in printed(results, 80)


def test_what_is_missing_is_marked_and_explained(holed):
    text = printed(holed, 120)
    assert "b [1]" in text
    assert "[1] FedAvg, b: seed 1: no reply within 60 s" in text
    assert "[2] FedAvg, c: seeds 0, 1, 2: no outcome arrived" in text
    assert "Gain kept of FedAvg: seed 0, c: no figures of 'FedAvg'" in text


def test_the_trivial_baseline_and_the_size_of_the_test_set_are_stated(results):
    assert "3 seeds, 400 test images; always naming the most frequent class scores 40.0 %" in printed(results, 120)


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_name_folds_and_markup_in_it_is_just_text(width):
    name = "[red]x[/red] and poisoned features by a method with a rather long name \x1b[31m"
    study = replace(STUDY, arms=(replace(STUDY.arms[0], name=name),))
    mine = [replace(one, arm=name) for one in outcomes() if one.arm == STUDY.arms[0].name]
    text = printed(results_of(study, [*mine, *(one for one in outcomes() if one.arm == RECEIVED)], FACTS), width)
    assert max(map(len, text.splitlines())) <= width
    assert "[red]x[/red]" in text
    assert "\x1b" not in text
