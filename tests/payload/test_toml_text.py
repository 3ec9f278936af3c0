import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.toml_text import from_toml, to_toml

KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
TEXTS = st.text(max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(TEXTS, NUMBERS, st.lists(TEXTS, max_size=3))
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=4),
    lambda inner: st.dictionaries(KEYS, st.one_of(VALUES, inner, st.lists(inner, min_size=1, max_size=3)), max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TABLES)
def test_what_is_written_is_read_back_and_has_one_form(table):
    data = to_toml(table)
    assert from_toml(data, "a table", len(data)) == table
    assert to_toml(dict(reversed(table.items()))) == data


@pytest.mark.parametrize("text", ["\x7f", "\x00\t\n\r\x1f", '"""', "'\\u0041", "é 漢 \U0001f600", "# no comment", "\ufeff"])
def test_text_that_toml_could_mistake_survives(text):
    assert tomllib.loads(to_toml({"a": text, "b": [text]}).decode()) == {"a": text, "b": [text]}


def test_values_stand_before_tables_and_people_can_read_them():
    assert to_toml({"b": [{"y": 1}, {}], "a": {"x": "é"}, "c": ["r", "s"]}).decode() == (
        'c = ["r", "s"]\n\n[a]\nx = "é"\n\n[[b]]\ny = 1\n\n[[b]]\n'
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a b": 1}, "a key in TOML"),
        ({"": 1}, "a key in TOML"),
        ({"é": 1}, "a key in TOML"),
        ({"a\n": {}}, "a key in TOML"),
        ({"a": True}, "a in TOML must be"),
        ({"a": 1.5}, "a in TOML must be"),
        ({"a": None}, "a in TOML must be"),
        ({"a": ["x", 1]}, "a in TOML must be"),
        ({"a": [{}, "x"]}, "a must hold tables only"),
        ({"a": ["x", {}]}, "a in TOML must be"),
        ({"a": "\ud800"}, "lone surrogates"),
    ],
)
def test_what_this_toml_does_not_hold_is_refused(table, said):
    with pytest.raises(ReleaseError, match=said):
        to_toml(table)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = 1  ", "may take 6 bytes, got 7"),
        (b"a = \xff", "a table is not TOML"),
        (b"a = ", "a table is not TOML"),
        (b"a=1\na", "a table is not TOML"),
    ],
)
def test_bytes_that_are_no_toml_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        from_toml(data, "a table", 6)


def test_toml_that_nests_without_end_is_refused():
    data = b"a = " + b"[" * 100_000
    with pytest.raises(ReleaseError, match="a table is not TOML"):
        from_toml(data, "a table", len(data))
