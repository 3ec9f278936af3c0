"""The typed wrappers of `dpm-flower retention`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import retention_command
from dpm_flower.apps.retention_cli import retention
from tests.apps.typed_wrappers import check_light


def test_help_imports_nothing_heavy():
    check_light(["retention", "--help"])


@pytest.mark.parametrize(
    ("name", "arguments", "handed"),
    [
        ("status", ["status", "s"], ((Path("s"),), {})),
        ("purge", ["purge", "s"], ((Path("s"),), {"everything": False})),
        ("purge", ["purge", "s", "--all"], ((Path("s"),), {"everything": True})),
        ("verify", ["verify", "s"], ((Path("s"), [], None), {})),
        (
            "verify",
            ["verify", "s", "--known-head", "a", "--known-head", "b", "--key-file", "k"],
            ((Path("s"), ["a", "b"], Path("k")), {}),
        ),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_what_is_typed_is_handed_on_and_the_exit_code_comes_back(monkeypatch, name, arguments, handed, code):
    calls = []
    monkeypatch.setattr(retention_command, name, lambda *values, **options: calls.append((values, options)) or code)
    assert CliRunner().invoke(retention, arguments).exit_code == code
    assert calls == [handed]


@pytest.mark.parametrize("arguments", [[], ["status"], ["purge"], ["verify"], ["status", "a", "b"]])
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(retention, arguments).exit_code == 2
