"""The typed wrapper of `dpm-flower doctor`: instant help, wrong use refused, and every option handed on."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import doctor_command
from dpm_flower.cli import app

HELP = """
import sys
from dpm_flower.cli import app
try:
    app(["doctor", "--help"])
except SystemExit as end:
    print("CODE", end.code, [name for name in ("cryptography", "grpc", "torch", "flwr", "numpy") if name in sys.modules])
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=False)
    assert "CODE 0 []" in done.stdout, done.stderr


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("code", [0, 1])
def test_the_code_is_the_functions(monkeypatch: pytest.MonkeyPatch, as_json: bool, code: int) -> None:
    came: list[object] = []

    def doctor(path: Path, *, as_json: bool) -> int:
        came.append((path, as_json))
        return code

    monkeypatch.setattr(doctor_command, "doctor", doctor)
    assert CliRunner().invoke(app, ["doctor", "--site", "s", *(["--json"] if as_json else [])]).exit_code == code
    assert came == [(Path("s"), as_json)]


def test_a_site_is_asked_for() -> None:
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2
