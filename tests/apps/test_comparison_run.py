"""A comparison runs each cell once, keeps it, and ends in a table, a page and files that agree with each other."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.comparison_run import ordered
from dpm_flower.apps.report_command import show
from dpm_flower.apps.study_command import FAILED, run
from dpm_flower.core.comparison import Comparison
from dpm_flower.core.errors import SettingError, StudyError
from dpm_flower.studies.comparison_cells import COMMON, Bench
from dpm_flower.studies.comparison_files import read_comparison
from dpm_flower.studies.comparison_results import WAITING, comparison_results
from tests import small_comparison
from tests.small_comparison import COMPARISON, Drawn, Refused

NAME = "tests.small_comparison"


def _run(folder: Path, name: str = NAME, data: str = "", seeds: str = "") -> int:
    return run(name, data, seeds, folder, in_process=False, cpus_per_client=1)


def _changed(monkeypatch: pytest.MonkeyPatch, comparison: Comparison) -> str:
    monkeypatch.setattr(small_comparison, "CHANGED", comparison, raising=False)
    return f"{NAME}:CHANGED"


def _runs(folder: Path, seed: int) -> list[str]:
    """Which trials were run under a seed, in their order, however often."""
    bench = Bench.of(ordered(COMPARISON, "", ""), folder, lambda _: None)
    return (bench.place(COMMON, str(seed)) / "log").read_text().splitlines()


def test_every_cell_has_its_figures_and_is_run_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path) == 0
    said = capsys.readouterr().out
    assert "line: a" in said
    assert "b lies 2.0 above a" in said
    results = read_comparison(tmp_path)
    values = {(trial.name, cell.seed): cell.figures["value"] for trial in results.trials for cell in trial.cells}
    assert values["line: b", 1] - values["line: a", 1] == pytest.approx(2.0)
    assert values["line: a", 0] != values["line: a", 1]
    before = (tmp_path / "comparison.json").read_bytes()
    assert _run(tmp_path) == 0  # reads all of them
    assert _runs(tmp_path, 0) == ["line: a", "line: b"]
    assert (tmp_path / "comparison.json").read_bytes() == before


def test_files_and_page_say_what_the_table_says(tmp_path: Path) -> None:
    _run(tmp_path)
    lines = list(csv.DictReader((tmp_path / "comparison.csv").read_text().splitlines()))
    kept = {(line["trial"], line["seed"], line["figure"]): float(line["value"]) for line in lines}
    results = read_comparison(tmp_path)
    assert kept["line: b", "1", "value"] == results.trials[1].cells[1].figures["value"]
    assert kept["line: b", "0", "cost_cpu_seconds"] >= 0
    page = (tmp_path / "comparison.html").read_text()
    assert "b lies 2.0 above a" in page
    assert page.count("data:image/png") == 2 * 2  # a grid for each trial, on light and on dark paper
    assert page.count("data:image/svg") == 2 * 2  # the chart, and the curve


def test_what_was_damaged_or_is_new_is_run_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(tmp_path, seeds="0")
    bench = Bench.of(ordered(COMPARISON, "", ""), tmp_path, lambda _: None)
    (bench.cell(COMPARISON.trials[0], 0) / "cell.json").write_text("{")
    more = replace(COMPARISON, trials=(*COMPARISON.trials, Drawn("line: c", 3.0)))
    assert _run(tmp_path, _changed(monkeypatch, more), seeds="0") == 0
    assert _runs(tmp_path, 0) == ["line: a", "line: b", "line: a", "line: c"]


def test_a_trial_that_fails_costs_its_own_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = _changed(monkeypatch, replace(COMPARISON, trials=(Refused(), *COMPARISON.trials)))
    assert _run(tmp_path, name) == FAILED
    said = capsys.readouterr()
    assert "1 of 3 trials failed: refused" in said.err
    results = read_comparison(tmp_path)
    assert results.failed == ("refused",)
    assert results.trials[0].missing == "seed 0, 1: wanted data that there is, got 'digits'"
    assert all(cell.figures for trial in results.trials[1:] for cell in trial.cells)


def test_figures_that_are_not_finite_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(tmp_path, _changed(monkeypatch, replace(COMPARISON, trials=(Drawn("a", float("nan")),), conclude=None)))
    assert "all finite" in read_comparison(tmp_path).trials[0].missing


def test_other_data_and_other_knobs_are_other_cells(tmp_path: Path) -> None:
    one, other = (Bench.of(replace(COMPARISON, data=data), tmp_path, lambda _: None) for data in ("digits", "cifar10"))
    assert one.cell(Drawn("a"), 0) != other.cell(Drawn("a"), 0)
    assert len({one.cell(Drawn("a"), 0), one.cell(Drawn("a", 1.0), 0), one.cell(Drawn("a"), 1)}) == 3
    file = tmp_path / "file.npz"
    file.write_bytes(b"one")
    first = Bench.of(replace(COMPARISON, data=str(file)), tmp_path, lambda _: None).cell(Drawn("a"), 0)
    file.write_bytes(b"two")
    assert Bench.of(replace(COMPARISON, data=str(file)), tmp_path, lambda _: None).cell(Drawn("a"), 0) != first
    public = tmp_path / "public.npz"
    cells = []
    for content in (b"some", b"others"):
        public.write_bytes(content)
        cells.append(Bench.of(replace(COMPARISON, data=f"{file}?public={public}"), tmp_path, lambda _: None).cell(Drawn("a"), 0))
    assert cells[0] != cells[1]


def test_conclusions_wait_for_what_they_are_computed_from() -> None:
    results = comparison_results(COMPARISON, "digits", {}, {}, "")
    assert results.conclusions[0].startswith("What is computed across trials cannot be computed")
    assert results.trials[0].missing == f"seed 0, 1: {WAITING}"
    assert results.failed == ()


def test_a_comparison_without_data_or_with_unusable_seeds_is_refused() -> None:
    with pytest.raises(StudyError, match="give it with --data"):
        ordered(replace(COMPARISON, data=""), "", "")
    with pytest.raises(StudyError, match="whole numbers"):
        ordered(COMPARISON, "", "one")
    with pytest.raises(SettingError, match="each once"):
        ordered(COMPARISON, "", "1,1")
    assert ordered(COMPARISON, "", "3 4").seeds == (3, 4)


def test_a_finished_comparison_is_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path)
    capsys.readouterr()
    (tmp_path / "comparison.html").unlink()
    assert show(tmp_path) == 0
    assert "line: b" in capsys.readouterr().out
    assert (tmp_path / "comparison.html").exists()
