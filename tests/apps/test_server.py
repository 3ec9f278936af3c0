"""The server app leaves the cause of a failure where its caller finds it, since Flower's own command tells nothing."""

import json
import shlex
from pathlib import Path

import pytest
from flwr.clientapp import ClientApp

from dpm_flower.apps import server
from dpm_flower.apps.server import app, main
from dpm_flower.core.errors import QuorumError, StudyError
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.strategy import PhaseProgress


def _grid(**config: str) -> InProcessGrid:
    return InProcessGrid(ClientApp(), [{"partition-id": number} for number in range(3)], {"study": "tests.small_study"} | config)


def test_a_refusal_is_raised_and_left_behind(tmp_path: Path) -> None:
    grid = _grid(output=str(tmp_path))  # a client app that answers nothing
    with pytest.raises(QuorumError):
        app(grid, grid.server_context())
    assert (tmp_path / "failure.txt").read_text().startswith("QuorumError: wanted at least 2 of 3 entities, got 0 of 3 nodes; ")


def test_a_bug_leaves_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(server, "run_study", broken)
    grid = _grid(output=str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        main(grid, grid.server_context())
    assert "Traceback" in (tmp_path / "failure.txt").read_text()
    assert "ZeroDivisionError: a bug" in (tmp_path / "failure.txt").read_text()


def test_a_run_that_succeeds_takes_the_old_cause_away_and_says_what_makes_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run(study: object, grid: object, output: Path, command: str, notify: object, simulation: bool) -> None:
        seen.append(command)
        notify(PhaseProgress("adopt", 2, 9, 1, 3))  # type: ignore[operator]

    monkeypatch.setattr(server, "run_study", run)
    (tmp_path / "failure.txt").write_text("old")
    grid = _grid(output=str(tmp_path), data="digits", seeds="1,2")
    main(grid, grid.server_context())
    assert not (tmp_path / "failure.txt").exists()
    assert seen == ["dpm-flower study tests.small_study --data digits --seeds 1,2"]
    (line,) = (tmp_path / "phases.jsonl").read_text().splitlines()
    assert json.loads(line) == {"phase": "adopt", "number": 2, "phases": 9, "answered": 1, "asked": 3, "unit": "answers"}


@pytest.mark.parametrize(("exchange", "simulation"), [("local", True), ("sites", False)])
def test_sites_of_their_own_are_no_simulation(exchange: str, simulation: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(server, "run_study", lambda *_, **named: seen.append(named["simulation"]))
    grid = _grid(output=str(tmp_path), exchange=exchange)
    main(grid, grid.server_context())
    assert seen == [simulation]


def test_a_shell_reads_the_command_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(server, "run_study", lambda study, grid, output, command, notify, simulation: seen.append(command))
    data = "it's; rm -rf $HOME/*.npz"
    grid = _grid(output=str(tmp_path), data=data, seeds="1, 2")
    main(grid, grid.server_context())
    assert shlex.split(seen[0]) == ["dpm-flower", "study", "tests.small_study", "--data", data, "--seeds", "1, 2"]


@pytest.mark.parametrize("output", ["", "runs/here"])
def test_an_output_that_is_not_absolute_is_refused(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    grid = _grid(output=output)
    with pytest.raises(StudyError, match="absolute output folder"):
        main(grid, grid.server_context())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_study_is_left_as_the_cause(tmp_path: Path) -> None:
    grid = _grid(output=str(tmp_path), study="no.such")
    with pytest.raises(StudyError):
        main(grid, grid.server_context())
    assert "wanted a study as" in (tmp_path / "failure.txt").read_text()
