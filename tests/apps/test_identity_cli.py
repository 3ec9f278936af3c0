"""The typed wrappers of `dpm-flower identity`: instant help, wrong use refused, and every option handed on."""

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import identity_command
from dpm_flower.apps.identity_cli import identity
from tests.apps.typed_wrappers import CREDENTIAL, FD, check_light


@pytest.mark.parametrize("arguments", [["identity", "--help"], ["identity", "create", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    check_light(arguments)


HANDED_ON = [
    ("create", ["a", "--endpoint", "h:1"], "('a', 'h:1', None, None, None) {'post_quantum': True}"),
    (
        "create",
        ["a", "--endpoint", "h:1", "--folder", "f", *FD, "--no-post-quantum"],
        "('a', 'h:1', PosixPath('f'), 3, None) {'post_quantum': False}",
    ),
    ("show", ["f", *CREDENTIAL], "(PosixPath('f'), None, 'keys') {}"),
    ("move", ["f", "--endpoint", "h:1", *FD], "(PosixPath('f'), 'h:1', 3, None) {}"),
]


@pytest.mark.parametrize(("name", "arguments", "wanted"), HANDED_ON)
@pytest.mark.parametrize("code", [0, 1])
def test_every_option_is_handed_on_and_the_code_comes_back(
    name: str, arguments: list[str], wanted: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(*given: object, **options: object) -> int:
        seen.append(f"{given} {options}")
        return code

    monkeypatch.setattr(identity_command, name, run)
    assert CliRunner().invoke(identity, [name, *arguments]).exit_code == code
    assert seen == [wanted]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "a"],
        ["create", "--endpoint", "h:1"],
        ["create", "a", "--endpoint", "h:1", "--passphrase", "secret"],
        ["create", "a", "--endpoint", "h:1", "--passphrase-fd", "-1"],
        ["show"],
        ["move", "f"],
    ],
)
def test_wrong_use_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(identity, arguments).exit_code == 2
