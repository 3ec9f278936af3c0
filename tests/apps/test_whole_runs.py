"""The small study from its name to its files: in one process, in any order, killed and repeated, and through Flower."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from flwr.app import Message

from dpm_flower.apps import study_command
from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.apps.study_command import run
from dpm_flower.federation.in_process_grid import InProcessGrid
from tests.killed_study import MARKER

FILES = ("results.json", "results.csv", "quality.csv", "report.html", "flower.log", "phases.jsonl")
ROOT = Path(__file__).parents[2]


def _quality(folder: Path) -> bytes:
    return (folder / "quality.csv").read_bytes()


def _releases(folder: Path) -> int:
    """How many manifests lie in the pools."""
    return sum(1 for path in folder.glob("sites/*/pool/**/*") if path.is_file() and path.suffix == ".json")


def test_a_run_leaves_its_results_and_nothing_failed(small_run: Path) -> None:
    assert all((small_run / name).stat().st_size for name in FILES)
    assert not (small_run / "failure.txt").exists()
    lines = _quality(small_run).decode().splitlines()
    assert len(lines) == 1 + 3 * 8  # three entities: as received, and seven arms
    cells = json.loads((small_run / "results.json").read_text())["cells"]
    assert {cell["reason"] for cell in cells} <= {"", "not a receiver of this arm: figures of its release only"}
    assert "ERROR" not in (small_run / "flower.log").read_text()


def test_the_order_of_replies_changes_no_byte_of_the_figures(small_run: Path, tmp_path: Path) -> None:
    config = {"study": "tests.small_study", "data": "", "seeds": "", "output": str(tmp_path)}
    nodes = [{"partition-id": number, "num-partitions": 3} for number in range(3)]
    grid = InProcessGrid(client_app, nodes, config, torch.Generator().manual_seed(1))
    server_app(grid, grid.server_context())
    assert _quality(tmp_path) == _quality(small_run)


def _kill_when(folder: Path, phase: str, answered: int) -> None:
    """Runs the study in a process of its own and kills it when a phase has that many answers."""
    command = [sys.executable, "-c", "from dpm_flower.cli import main; main()"]
    command += ["study", "tests.small_study", "--in-process", "--output", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not _reached(folder, phase, answered):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "results.json").exists()


def _reached(folder: Path, phase: str, answered: int) -> bool:
    try:
        lines = [json.loads(line) for line in (folder / "phases.jsonl").read_text().splitlines()]
    except (OSError, ValueError):
        return False
    return any(line["phase"] == phase and line["answered"] >= answered for line in lines)


@pytest.mark.soak  # at every change tests/apps/test_random_kills.py, and every phase in tests/studies/test_run.py
def test_a_run_that_is_killed_twice_comes_to_the_same_figures(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _kill_when(tmp_path, "contribute", 2)
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "campaign").glob("train.*")}
    assert first
    _kill_when(tmp_path, "FedAvg", 1)
    assert run("tests.small_study", "", "", tmp_path, in_process=True, cpus_per_client=1) == 0
    assert _quality(tmp_path) == _quality(small_run)
    assert {name: (tmp_path / "campaign" / name).stat().st_mtime_ns for name in first} == first  # answered once
    assert _releases(tmp_path) == _releases(small_run) > 0
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "campaign").glob("*.safetensors")}
    assert run("tests.small_study", "", "", tmp_path, in_process=True, cpus_per_client=1) == 0  # finished: told again
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "campaign").glob("*.safetensors")} == before
    assert "own + poisoned" in capsys.readouterr().out


def test_an_interrupt_says_how_to_go_on_and_the_run_does(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        while not _reached(tmp_path, "contribute", 1):
            time.sleep(0.002)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        assert run("tests.small_study", "", "", tmp_path, in_process=True, cpus_per_client=1) == study_command.INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"interrupted; to go on: --output {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()
    assert run("tests.small_study", "", "", tmp_path, in_process=True, cpus_per_client=1) == 0
    assert _quality(tmp_path) == _quality(small_run)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="with one CPU there is one client process, and nobody left when it is killed")
def test_through_flower_with_a_client_process_killed_the_figures_are_the_same(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run of Flower's simulation for three things: it completes, it survives a killed client, it comes to the same bytes."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(MARKER, str(tmp_path / "killed"))
    assert run("tests.killed_study", "", "", tmp_path / "run", in_process=False, cpus_per_client=1) == 0, capsys.readouterr().err
    pid = int((tmp_path / "killed").read_text())
    assert not Path(f"/proc/{pid}").exists()
    log = (tmp_path / "run" / "flower.log").read_text()
    assert "messages were lost with their process and are sent again" in log
    assert _quality(tmp_path / "run") == _quality(small_run)
    assert "own + poisoned" in capsys.readouterr().out


def test_an_interrupt_in_a_handler_is_no_answer(tmp_path: Path) -> None:
    """Else the in-process runner would take Ctrl-C for an entity's failure."""

    def pressed(message: Message, context: object) -> Message:
        raise KeyboardInterrupt

    nodes = [{"partition-id": number} for number in range(3)]
    grid = InProcessGrid(pressed, nodes, {"study": "tests.small_study", "output": str(tmp_path)})  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        server_app(grid, grid.server_context())
