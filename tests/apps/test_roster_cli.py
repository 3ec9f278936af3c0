import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import roster_command
from dpm_flower.cli import app

LOADED = "import sys; import {}; print([name for name in ('torch', 'numpy', 'flwr', 'cryptography') if name in sys.modules])"


@pytest.mark.parametrize(
    ("module", "loaded"), [("dpm_flower.apps.roster_cli", "[]"), ("dpm_flower.apps.roster_command", "['cryptography']")]
)
def test_a_site_needs_no_torch_for_its_roster_and_help_needs_nothing(module, loaded):
    done = subprocess.run([sys.executable, "-c", LOADED.format(module)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


@pytest.mark.parametrize("command", ["init", "add", "revoke", "rotate", "move", "coordinate", "renew", "sign", "show", "check"])
def test_a_commands_code_is_its_functions(command, monkeypatch):
    needed = {
        "init": ["C", "--coordinator", "c", "--threshold", "1"],
        "add": ["c"],
        "revoke": ["n"],
        "rotate": ["c"],
        "move": ["c"],
        "coordinate": ["c", "--threshold", "1"],
        "renew": ["--valid-days", "3"],
        "sign": ["--identity", "i"],
    }
    monkeypatch.setattr(roster_command, command, lambda *_, **__: 7)
    assert CliRunner().invoke(app, ["roster", command, *needed.get(command, [])]).exit_code == 7


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "C", "--threshold", "1"],
        ["init", "C", "--coordinator", "c"],
        ["init", "C", "--coordinator", "c", "--threshold", "0"],
        ["add", "c", "--valid-days", "0"],
        ["renew"],
        ["sign"],
        ["revoke"],
    ],
)
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(app, ["roster", *arguments]).exit_code == 2
