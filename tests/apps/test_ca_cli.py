"""The typed wrappers of `dpm-flower ca`: instant help, wrong use refused, and every option handed on."""

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import ca_command
from dpm_flower.apps.ca_cli import ca
from dpm_flower.payload import development_ca
from tests.apps.typed_wrappers import CREDENTIAL, FD, check_light


@pytest.mark.parametrize("arguments", [["ca", "--help"], ["ca", "sign", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    check_light(arguments)


HANDED_ON = [
    ("create", ["f", "--name", "n", "--days", "9", *FD], "(PosixPath('f'), 'n', 9, 3, None)"),
    (
        "sign",
        ["r", "--card", "c", "--ca", "a", "--output", "o", "--days", "9", *FD],
        "(PosixPath('r'), PosixPath('c'), PosixPath('a'), PosixPath('o'), 9, 3, None)",
    ),
    (
        "sign_host",
        ["h", "i", "--ca", "a", "--folder", "f", "--days", "9", *CREDENTIAL],
        "(['h', 'i'], PosixPath('a'), PosixPath('f'), 9, None, 'keys')",
    ),
    ("renew", ["c", "--ca", "a", *FD], "(PosixPath('c'), PosixPath('a'), None, 90, 3, None)"),
]


@pytest.mark.parametrize(("name", "arguments", "wanted"), HANDED_ON)
@pytest.mark.parametrize("code", [0, 1])
def test_every_option_is_handed_on_and_the_code_comes_back(
    name: str, arguments: list[str], wanted: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(*given: object) -> int:
        seen.append(str(given))
        return code

    monkeypatch.setattr(ca_command, name, run)
    assert CliRunner().invoke(ca, [name.replace("_", "-"), *arguments]).exit_code == code
    assert seen == [wanted]


@pytest.mark.parametrize(
    "arguments",
    [
        ["sign", "r", "--card", "c"],
        ["sign", "r", "--card", "c", "--ca", "a", "--days", "399"],
        ["create", "f", "--days", "3651"],
        ["sign-host", "--ca", "a", "--folder", "f"],
    ],
)
def test_wrong_use_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(ca, arguments).exit_code == 2


def test_the_usual_days_and_bounds_are_those_of_the_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(ca_command, "create", lambda *given: seen.append(given[2]) or 0)
    monkeypatch.setattr(ca_command, "renew", lambda *given: seen.append(given[3]) or 0)
    for arguments in (["create", "f"], ["renew", "c", "--ca", "a"]):
        assert CliRunner().invoke(ca, arguments).exit_code == 0
    assert seen == [development_ca.CA_DAYS, development_ca.DAYS]
    for most, command in ((development_ca.MOST_CA_DAYS, ["create", "f"]), (development_ca.MOST_DAYS, ["renew", "c", "--ca", "a"])):
        codes = [CliRunner().invoke(ca, [*command, "--days", str(days)]).exit_code for days in (most, most + 1)]
        assert codes == [0, 2]
