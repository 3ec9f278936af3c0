"""A refusal is one line and a code; a bug stays a bug."""

import pytest

from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import ReleaseError


def test_what_is_done_gives_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: None) == 0
    assert capsys.readouterr() == ("", "")


def test_a_refusal_is_one_line_on_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise ReleaseError("wanted this,\n  got that")

    assert exit_code(refuse) == 1
    assert capsys.readouterr() == ("", "dpm-flower: wanted this, got that\n")


def test_anything_else_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: print(1 // 0))
