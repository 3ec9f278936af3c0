"""A run config reads back as it was, through Flower's own reader too."""

import tomllib
from pathlib import Path

import pytest
from flwr.common.config import parse_config_args
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.apps.run_config import as_toml
from dpm_flower.core.errors import SettingError

VALUES = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.sampled_from(['it\'s "odd"', "\x7f\n\\"])
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_round_trip(config: dict[str, str | int | float | bool]) -> None:
    back = tomllib.loads(as_toml(config))
    assert back == config
    assert [type(value) for value in back.values()] == [type(value) for value in config.values()]


def test_flowers_reader_gets_the_same(tmp_path: Path) -> None:
    config = {"study": "simulations.demo:STUDY", "output": '/tmp/it\'s "here" = x', "rate": 1e-05, "rounds": 3, "fast": True}
    path = tmp_path / "run config.toml"
    path.write_text(as_toml(config), encoding="utf-8")
    assert parse_config_args([str(path)]) == config


@pytest.mark.parametrize("value", [None, [1], 2**63, "\ud800"])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(SettingError, match="a run config holds"):
        as_toml({"key": value})  # type: ignore[dict-item]
