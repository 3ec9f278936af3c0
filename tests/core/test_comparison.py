"""A comparison that could not be run, or not be read, is refused when it is made."""

from dataclasses import replace

import pytest

from dpm_flower.core.comparison import ComparedFigure
from dpm_flower.core.errors import SettingError
from tests.small_comparison import COLUMNS, COMPARISON, Drawn


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "two words"}, "two words"),
        ({"trials": ()}, "at least one trial, each once, got none"),
        ({"trials": (Drawn("a"), Drawn("a", 1.0))}, "at least one trial, each once, got a, a"),
        ({"trials": (Drawn,)}, "wanted a trial"),
        ({"columns": COLUMNS * 2}, "at least one column, each once"),
        ({"seeds": ()}, "at least one seed"),
        ({"seeds": (1, 1)}, "each once, got 1, 1"),
        ({"threads": 0}, "threads"),
        ({"chart": ("shift", "nothing")}, "nothing"),
    ],
)
def test_what_cannot_be_run_or_read_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        replace(COMPARISON, **change)  # type: ignore[arg-type]


def test_a_trial_whose_repr_changes_between_runs_is_refused() -> None:
    class Nameless:
        name = "nameless"

        def run(self, ground: object) -> object:
            return ground

    with pytest.raises(SettingError, match="memory address"):
        replace(COMPARISON, trials=(Nameless(),))  # type: ignore[arg-type]


def test_a_column_is_plain_by_default() -> None:
    assert ComparedFigure(key="k", head="h") == ComparedFigure(key="k", head="h", unit="", scale=1.0, digits=2)
