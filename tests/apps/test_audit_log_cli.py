"""The typed wrappers of `dpm-flower audit-log`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import audit_log_command
from dpm_flower.apps.audit_log_cli import audit_log
from tests.apps.typed_wrappers import check_light


def test_help_imports_nothing_heavy():
    check_light(["audit-log", "--help"])


@pytest.mark.parametrize(
    ("name", "arguments", "handed"),
    [
        ("verify", ["verify", "--pool", "p"], (Path("p"), [])),
        ("verify", ["verify", "--pool", "p", "--known-head", "a", "--known-head", "b"], (Path("p"), ["a", "b"])),
        ("show", ["show", "--pool", "p"], (Path("p"), None)),
        ("show", ["show", "--pool", "p", "--last", "3"], (Path("p"), 3)),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_what_is_typed_is_handed_on_and_the_exit_code_comes_back(monkeypatch, name, arguments, handed, code):
    calls = []
    monkeypatch.setattr(audit_log_command, name, lambda *values: calls.append(values) or code)
    assert CliRunner().invoke(audit_log, arguments).exit_code == code
    assert calls == [handed]


@pytest.mark.parametrize("arguments", [["verify"], ["show", "--pool", "p", "--last", "0"]])
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(audit_log, arguments).exit_code == 2
