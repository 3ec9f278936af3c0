import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dpm_flower.apps import exchange_command
from dpm_flower.cli import app

NEEDED = ["--pool", "p", "--identity", "i", "--certificate", "c", "--ca", "a", "--roster", "r", "--lock", "l"]


def loaded(module):
    program = f"import sys; import {module}; print([name for name in ('torch', 'grpc', 'cryptography') if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_help_needs_nothing_and_serving_needs_no_torch():
    assert loaded("dpm_flower.apps.exchange_cli") == "[]"
    assert loaded("dpm_flower.apps.exchange_command") == "['grpc', 'cryptography']"


@pytest.mark.parametrize("relay", [False, True])
def test_the_code_is_the_functions(monkeypatch, relay):
    came = []
    monkeypatch.setattr(exchange_command, "serve", lambda *arguments: came.append(arguments) or 7)
    arguments = [
        "exchange",
        "serve",
        *NEEDED,
        "--listen",
        "h:1",
        "--store",
        "s://t",
        "--passphrase-fd",
        "3",
        *(["--relay"] if relay else []),
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 7
    ((site, identity, descriptor, credential, intake_of),) = came
    names = [str(part) for part in (site.pool, identity, site.certificate, site.ca, site.roster, site.lock)]
    assert names == ["p", "i", "c", "a", "r", "l"]
    assert (site.listen, site.store, descriptor, credential) == ("h:1", "s://t", 3, None)
    assert (intake_of is not None) is relay


@pytest.mark.parametrize("missing", range(0, len(NEEDED), 2))
def test_what_is_needed_is_asked_for(missing):
    assert CliRunner().invoke(app, ["exchange", "serve", *NEEDED[:missing], *NEEDED[missing + 2 :]]).exit_code == 2
