"""The command itself: instant help, and codes that a shell can ask for."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import study_command
from dpm_flower.cli import app

HEAVY = "torch", "flwr", "ray", "numpy", "matplotlib"
HELP = f"""
import sys
from dpm_flower.cli import main
sys.argv = ["dpm-flower", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print("CODE", end.code, [name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [["--help"], ["study", "--help"], ["report", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", HELP, *arguments], capture_output=True, text=True, check=False)
    assert "CODE 0 []" in done.stdout, done.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["study"], 2), (["nothing"], 2), (["study", "x", "--cpus-per-client", "0"], 2)])
def test_wrong_use_is_refused(arguments: list[str], code: int) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == code


@pytest.mark.parametrize("code", [0, 1, 130])
def test_a_studys_code_is_the_commands(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def run(*arguments: object, **options: object) -> int:
        seen.append((arguments, options))
        return code

    monkeypatch.setattr(study_command, "run", run)
    assert CliRunner().invoke(app, ["study", "s", "--data", "d", "--seeds", "1", "--in-process"]).exit_code == code
    assert seen == [(("s", "d", "1", None), {"in_process": True, "cpus_per_client": 1, "exchange": "local"})]
