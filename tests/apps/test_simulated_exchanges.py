"""Releases that travel over gRPC between processes teach what those in folders teach, bit for bit; and no process stays behind."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.simulated_exchanges import exchanges
from dpm_flower.apps.study_command import run
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.regime.consortium import Consortium
from tests import small_study

ARMS = ("own only", "own + poisoned")


@pytest.fixture
def through_grpc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run of two of the small study's arms whose entities have an exchange each."""
    study = replace(small_study.STUDY, arms=tuple(small_study.STUDY.arm(name) for name in ARMS))
    monkeypatch.setattr(small_study, "CHANGED", study, raising=False)
    assert run("tests.small_study:CHANGED", "", "", tmp_path / "run", in_process=True, cpus_per_client=1, exchange="grpc") == 0
    return tmp_path / "run"


def read(path: Path) -> bytes:
    """A file's content, or nothing where the process that it is about has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "quality.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["arm"] in ARMS]


def test_the_figures_are_those_of_local_folders_and_the_processes_end(through_grpc: Path, small_run: Path) -> None:
    assert rows(through_grpc) == rows(small_run) != []
    assert not [process for process in Path("/proc").glob("[0-9]*/cmdline") if str(through_grpc).encode() in read(process)]
    with pytest.raises(ReleaseError, match="no exchange of a is running"):
        Consortium(through_grpc).endpoint("a")
    logs = {name: (through_grpc / "sites" / name / "pool" / "audit-log.jsonl").read_text() for name in "abc"}
    for name, log in logs.items():
        assert '"event":"served"' in log
        assert f'"peer":"{name}"' not in log  # nobody asks itself


def test_an_exchange_answers_within_the_block_only(tmp_path: Path) -> None:
    consortium = Consortium(tmp_path)
    with exchanges("local", tmp_path, ("a",)):
        with pytest.raises(ReleaseError, match="no exchange of a is running"):
            consortium.endpoint("a")
        assert consortium.roster.exists()


def test_sites_of_their_own_get_no_keys_here(tmp_path: Path) -> None:
    with exchanges("sites", tmp_path, ("a",)):
        assert list(tmp_path.iterdir()) == []


def test_an_unknown_exchange_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingError, match="one of local, grpc, sites"), exchanges("smoke", tmp_path, ("a",)):
        pass
    assert run("tests.small_study", "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="smoke") == 1
    assert "smoke" in capsys.readouterr().err
