"""The typed wrappers of `dpm-flower release`: instant help, wrong use refused, and every option handed on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import release_command, release_exchange, release_signed, schema_command
from dpm_flower.apps.release_cli import release
from tests.apps.typed_wrappers import FD, check_light

POOL, SITE = ["--pool", "p"], ["--site", "s"]
P, R, L, S = Path("p"), Path("r"), Path("l"), Path("s")


@pytest.mark.parametrize("arguments", [["release", "--help"], ["release", "import", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    check_light(arguments)


@pytest.mark.parametrize(
    ("module", "name", "arguments", "handed"),
    [
        (release_command, "list_all", ["list", *POOL], (P, None)),
        (release_command, "list_all", ["list", *POOL, "--campaign", "c"], (P, "c")),
        (release_command, "show", ["show", "d", *POOL], (P, "d")),
        (release_command, "verify", ["verify", "d", *POOL], (P, "d")),
        (release_signed, "verify_signed", ["verify", "d", *POOL, "--roster", "r", "--lock", "l"], (P, "d", R, L)),
        (release_command, "export", ["export", "d", *POOL], (P, "d", Path())),
        (release_command, "export", ["export", "d", *POOL, "--to", "t"], (P, "d", Path("t"))),
        (release_signed, "import_signed", ["import", "f", *POOL, "--roster", "r", "--lock", "l"], (P, Path("f"), R, L, None)),
        (
            release_signed,
            "import_signed",
            ["import", "f", *POOL, "--roster", "r", "--lock", "l", "--campaign", "c"],
            (P, Path("f"), R, L, "c"),
        ),
        (release_command, "withdraw", ["withdraw", "d", *POOL, "--reason", "why"], (P, "d", "why")),
        (release_exchange, "catalogue", ["catalogue", "b", *SITE], (S, "b", None, None, None)),
        (release_exchange, "catalogue", ["catalogue", "b", *SITE, "--campaign", "c", *FD], (S, "b", "c", 3, None)),
        (release_exchange, "fetch", ["fetch", "b", "d", *SITE, "--campaign", "c", *FD], (S, "b", "d", "c", 3, None)),
        (release_exchange, "publish", ["publish", "d", "--to", "r", *SITE, *FD], (S, "d", "r", 3, None)),
        (release_exchange, "withdraw", ["withdraw", "d", "--at", "r", "--reason", "y", *SITE, *FD], (S, "d", "r", "y", 3, None)),
        (schema_command, "show", ["schema"], ()),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_what_is_typed_is_handed_on_and_the_exit_code_comes_back(monkeypatch, module, name, arguments, handed, code):
    calls = []
    monkeypatch.setattr(module, name, lambda *values: calls.append(values) or code)
    assert CliRunner().invoke(release, arguments).exit_code == code
    assert calls == [handed]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", *POOL],
        ["verify", "d", *POOL, "--roster", "r"],
        ["verify", "d", *POOL, "--lock", "l"],
        ["import", "f", *POOL, "--roster", "r"],
        ["import", "f", *POOL, "--lock", "l"],
        ["withdraw", "d", *POOL],
        ["withdraw", "d", "--reason", "why"],
        ["withdraw", "d", "--reason", "why", *SITE],
        ["withdraw", "d", "--reason", "why", "--at", "r"],
        ["withdraw", "d", "--reason", "why", "--at", "r", *SITE, *POOL],
        ["withdraw", "d", "--reason", "why", *SITE, *POOL],
        ["catalogue", "b"],
        ["fetch", "b", *SITE],
        ["publish", "d", *SITE],
    ],
)
def test_wrong_use_is_refused(arguments):
    assert CliRunner().invoke(release, arguments).exit_code == 2
