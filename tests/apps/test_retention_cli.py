"""The typed wrappers of `dpm-flower retention`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import retention_command
from dpm_flower.apps.retention_cli import retention
from dpm_flower.core.errors import SettingError
from tests.apps.small_site import made_site
from tests.apps.typed_wrappers import check_light


def test_help_imports_nothing_heavy():
    check_light(["retention", "--help"])


@pytest.mark.parametrize(
    ("name", "arguments", "handed"),
    [
        ("status", ["status", "s"], ((Path("s"),), {"inbox": None})),
        ("purge", ["purge", "s"], ((Path("s"),), {"everything": False, "inbox": None})),
        ("purge", ["purge", "s", "--all"], ((Path("s"),), {"everything": True, "inbox": None})),
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


def test_an_inbox_that_is_not_apart_from_what_is_the_sites_and_a_store_that_is_not_its_own_are_refused(monkeypatch, tmp_path):
    site, store = made_site(tmp_path), tmp_path / "store"
    for name in ("status", "purge"):
        handed = []
        monkeypatch.setattr(retention_command, name, lambda *_, _noted=handed, **options: _noted.append(options["inbox"]) or 0)
        for folder, inbox in ((store, "in"), (store, "scans"), (tmp_path / "s", "in")):
            arguments = [name, str(folder), "--inbox", str(tmp_path / inbox), "--site", str(site)]
            assert CliRunner().invoke(retention, arguments).exit_code == 0
        apart, within, other = handed
        assert apart() == tmp_path / "in"
        with pytest.raises(SettingError, match="wanted an inbox apart from the images that stay"):
            within()
        with pytest.raises(SettingError, match="wanted the store of its section inbox"):
            other()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["status"],
        ["purge"],
        ["verify"],
        ["status", "a", "b"],
        ["status", "a", "--site", "b"],
        ["purge", "a", "--site", "b"],
        ["status", "a", "--inbox", "b"],
        ["purge", "a", "--inbox", "b"],
        ["purge", "a", "--all", "--inbox", "b", "--site", "c"],
    ],
)
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(retention, arguments).exit_code == 2
