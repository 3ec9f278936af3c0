import json

from typer.testing import CliRunner

from dpm_flower.apps import schema_command
from dpm_flower.apps.release_cli import release
from dpm_flower.payload.schema import manifest_schema


def test_the_schema_is_printed_as_json(capsys):
    assert schema_command.show() == 0
    assert json.loads(capsys.readouterr().out) == manifest_schema()


def test_a_user_gets_it():
    came = CliRunner().invoke(release, ["schema"])
    assert came.exit_code == 0
    assert json.loads(came.stdout) == manifest_schema()
