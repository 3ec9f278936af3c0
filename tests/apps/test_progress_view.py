"""What a person sees of a run, read from files that others write at the same time."""

import io
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from dpm_flower.apps import progress_view
from dpm_flower.apps.progress_view import ProgressView, shown

PHASE = {"phase": "contribute", "number": 3, "phases": 9, "answered": 2, "asked": 8, "unit": "answers"}
WORK = {"entity": "a", "seed": 1, "arm": "own + poisoned", "work": "dpm", "step": 10, "steps": 40, "epoch": 2, "epochs": 5, "loss": 0.25}


def _tell(path: Path, *lines: dict[str, object], end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("\n".join(json.dumps(line) for line in lines) + end)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress_view.time, "monotonic", lambda: now[0])
    return now


def test_before_anything_is_written_it_says_so(tmp_path: Path) -> None:
    view = ProgressView(tmp_path)
    view.read()
    assert view.lines() == ["starting"]


def test_phase_entity_epoch_loss_and_time_left(tmp_path: Path, clock: list[float]) -> None:
    view = ProgressView(tmp_path)
    _tell(tmp_path / "phases.jsonl", PHASE)
    _tell(tmp_path / "sites" / "a" / "progress.jsonl", WORK)
    view.read()
    assert view.lines()[1].endswith("… left")  # no speed yet
    clock[0] += 5
    _tell(tmp_path / "sites" / "a" / "progress.jsonl", WORK | {"step": 20, "loss": 0.125})
    view.read()
    assert view.lines() == [
        "phase 3/9 contribute: 2 of 8 answers",
        "  a seed 1 dpm (own + poisoned): epoch 2/5, loss 0.125, 10 s left",  # 20 steps at 2 a second
    ]


def test_long_waits_are_told_in_minutes_and_another_piece_of_work_has_its_own_speed(tmp_path: Path, clock: list[float]) -> None:
    view, path = ProgressView(tmp_path), tmp_path / "sites" / "a" / "progress.jsonl"
    _tell(tmp_path / "phases.jsonl", PHASE)
    for step in (10, 11):
        _tell(path, WORK | {"step": step, "steps": 131})
        view.read()
        clock[0] += 1
    assert "2 min left" in view.lines()[1]
    _tell(path, WORK | {"seed": 2, "step": 30})
    view.read()
    assert "… left" in view.lines()[1]


def test_who_is_done_or_quiet_is_not_shown(tmp_path: Path, clock: list[float]) -> None:
    view = ProgressView(tmp_path)
    _tell(tmp_path / "phases.jsonl", PHASE)
    _tell(tmp_path / "sites" / "a" / "progress.jsonl", WORK | {"step": 40})
    _tell(tmp_path / "sites" / "b" / "progress.jsonl", WORK | {"entity": "b"})
    view.read()
    assert [line.split()[0] for line in view.lines()] == ["phase", "b"]
    clock[0] += progress_view.FRESH_S + 1
    assert len(view.lines()) == 1


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    view, path = ProgressView(tmp_path), tmp_path / "phases.jsonl"
    text = json.dumps(PHASE)
    path.write_text(text[:20])
    view.read()
    assert view.lines() == ["starting"]
    with path.open("a") as file:
        file.write(text[20:] + "\n")
    view.read()
    assert view.lines()[0].startswith("phase 3/9")


@pytest.mark.parametrize("line", ["no json", "3", "[]", '{"phase": "x"}', "\xff\x00"])
def test_lines_of_others_are_passed_over(line: str, tmp_path: Path) -> None:
    view = ProgressView(tmp_path)
    for path in (tmp_path / "phases.jsonl", tmp_path / "sites" / "a" / "progress.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n", encoding="latin-1")
    view.read()
    assert view.lines() == ["starting"]
    _tell(tmp_path / "phases.jsonl", PHASE)
    view.read()
    assert len(view.lines()) == 1


def test_what_an_earlier_run_left_is_no_progress(tmp_path: Path) -> None:
    _tell(tmp_path / "phases.jsonl", PHASE)
    view = ProgressView(tmp_path)
    view.read()
    assert view.lines() == ["starting"]


def test_a_terminal_shows_a_bar_and_the_same_lines(tmp_path: Path, clock: list[float]) -> None:
    view = ProgressView(tmp_path)
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(view.picture())
    _tell(tmp_path / "phases.jsonl", PHASE)
    _tell(tmp_path / "sites" / "a" / "progress.jsonl", WORK)
    view.read()
    console.print(view.picture())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "phase 3/9 contribute: 2 of 8 answers" in text
    assert "━" in text
    assert "loss 0.250" in text


def test_without_a_terminal_lines_go_to_stderr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_view, "QUIET_S", 0.01)
    with shown(tmp_path, Console(file=io.StringIO())):
        _tell(tmp_path / "phases.jsonl", PHASE)
        time.sleep(0.15)
    said = capsys.readouterr()
    assert "phase 3/9 contribute: 2 of 8 answers" in said.err
    assert said.out == ""


def test_in_a_terminal_the_picture_is_gone_when_the_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_view, "REFRESH_S", 0.01)
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with suppress(KeyboardInterrupt), shown(tmp_path, console):
        _tell(tmp_path / "phases.jsonl", PHASE)
        time.sleep(0.15)
        raise KeyboardInterrupt
    assert "contribute" in console.file.getvalue()  # type: ignore[attr-defined]
    assert console.file.getvalue().endswith("\x1b[2K")  # type: ignore[attr-defined]  # its last line is cleared
