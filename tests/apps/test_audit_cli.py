"""The typed wrapper of `dpm-flower audit`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import audit_command
from dpm_flower.apps.audit_again import Again
from dpm_flower.cli import app
from tests.apps.typed_wrappers import CREDENTIAL, FD, check_light


def test_help_imports_nothing_heavy():
    check_light(["audit", "--help"])


@pytest.mark.parametrize(
    ("arguments", "handed"),
    [
        ([], (Path("s"), "", None)),
        (["--campaign", "c"], (Path("s"), "c", None)),
        (["--study", "m:S", *FD], (Path("s"), "", Again(study="m:S", passphrase_fd=3))),
        (
            ["--study", "m:S", "--data", "d", "--attacks", "m:T", *CREDENTIAL],
            (Path("s"), "", Again(study="m:S", data="d", attacks="m:T", passphrase_credential="keys")),
        ),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_what_is_typed_is_handed_on_and_the_exit_code_comes_back(monkeypatch, arguments, handed, code):
    calls = []
    monkeypatch.setattr(audit_command, "audit", lambda *values: calls.append(values) or code)
    assert CliRunner().invoke(app, ["audit", "--site", "s", *arguments]).exit_code == code
    assert calls == [handed]


@pytest.mark.parametrize("arguments", [["--data", "d"], ["--attacks", "m:T"], FD, CREDENTIAL])
def test_what_is_for_attacks_anew_is_refused_without_a_study(arguments):
    assert CliRunner().invoke(app, ["audit", "--site", "s", *arguments]).exit_code == 2
    assert CliRunner().invoke(app, ["audit", *arguments]).exit_code == 2
