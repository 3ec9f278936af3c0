import io
from dataclasses import replace

import pytest
from rich.console import Console

from dpm_flower.core.arms import RECEIVED
from dpm_flower.studies.results import results_of
from dpm_flower.studies.table import result_table
from dpm_flower.studies.wording import gain_kept_text
from tests.studies import averaged
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
    for figure in ("79.0 ± 1.0", gain_kept_text(holed.gain("poisoned")), "0.70 → 0.10", "not measurable"):
        assert figure in text


def test_120_columns_hold_costs_and_80_say_where_they_are(results):
    assert "MB" in printed(results, 120)
    assert "results.csv" not in printed(results, 120)
    assert "a release counts once" in " ".join(printed(results, 120).split())
    narrow = printed(results, 80)
    assert "MB" not in narrow[: narrow.index("No room")]
    assert "up MB; down MB; time s. They stand in results.csv" in " ".join(narrow.split())


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


def test_a_study_chooses_its_columns_and_their_order():
    study = replace(STUDY, columns=("seconds", "ssim", "validation_top1"))
    text = printed(results_of(study, outcomes(), FACTS), 120)
    head = text.splitlines()[2:4]
    assert head[0].split("  ")[-1].strip() == "top-1, validation"
    assert [part.strip() for part in head[0].split("  ") if part.strip()] == ["time", "SSIM of R", "top-1, validation"]
    assert "gain kept" not in head[0]
    assert "78.0 ± 1.0" in text


def test_an_arm_with_one_receiver_has_one_line_with_its_gain(results):
    (line,) = [line for line in printed(results, 120).splitlines() if line.startswith("poisoned, c only")]
    assert line.split()[3] == "c"
    assert "%" in line
    assert "76.0 ± 1.0" in line


def test_an_arm_in_which_nobody_trains_shows_its_releases_without_remarks():
    study = replace(STUDY, arms=(replace(STUDY.arms[2], refine="none"),))
    judged = [
        replace(one, quality={k: v for k, v in one.quality.items() if k[-2:] in ("_z", "_p")}) for one in outcomes() if "pois" in one.arm
    ]
    text = printed(results_of(study, [one for one in judged if one.arm == "poisoned"], FACTS), 120)
    (mean,) = [line for line in text.splitlines() if "mean  " in line and "0.70 → 0.10" in line]
    assert "reference" not in mean
    assert "[5]" not in text  # the rows as received and their mean are missing here, and nothing else


def test_attacks_stand_below_where_the_run_has_some(results):
    assert "A0, public reconstructor" not in printed(results, 120)
    attacked = [
        replace(one, quality={**one.quality, "A1.plain-1-x2.ssim_z": 0.6, "A1.plain-1-x2.ssim_p": 0.2, "A1.plain-1-x2.l1_p": 0.3})
        if one.arm == "poisoned"
        else one
        for one in outcomes()
    ]
    text = printed(results_of(STUDY, attacked, FACTS), 120)
    (line,) = [line for line in text.splitlines() if line.startswith("A1.plain-1-x2")]
    assert line.split() == ["A1.plain-1-x2", "poisoned", "0.60", "→", "0.20", "–", "–", "–", "–", "–", "→", "0.300"]


def test_what_validation_images_chose_is_marked_and_said():
    text = " ".join(printed(averaged.results(), 120).split())
    assert "fast ✓" in text
    assert "hasty ✓" not in text
    assert "of 3 settings validation images choose fast (validation 76.0 ± 1.0 %, test 75.0 ± 1.0 %)" in text
