"""The typed wrapper of `dpm-flower site run`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import site_run
from dpm_flower.apps.site_cli import site
from tests.apps.typed_wrappers import check_light


def test_help_imports_nothing_heavy():
    check_light(["site", "run", "--help"])


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("once", [False, True])
def test_what_is_typed_is_handed_on_and_the_exit_code_comes_back(monkeypatch, once, code):
    calls = []
    monkeypatch.setattr(site_run, "run", lambda *values, **options: calls.append((values, options)) or code)
    words = ["run", "--inbox", "in", "--site", "site.toml", *(["--once"] if once else [])]
    assert CliRunner().invoke(site, words).exit_code == code
    assert calls == [((Path("site.toml"), Path("in")), {"once": once})]


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "--inbox", "in"], ["run", "--site", "s"], ["run", "--inbox", "in", "--site", "s", "x"]]
)
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(site, arguments).exit_code == 2
