import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_canonical_form_reads_back_and_does_not_depend_on_order(value):
    data = canonical(value)
    assert json.loads(data) == value
    assert canonical(dict(reversed(value.items()))) == data


def test_canonical_form_has_no_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_the_bytes_are_these():
    """They are signed and hashed: other ones would make all signatures and logs of before wrong."""
    value = {"b": [1, 0.1, 1e16, True, None], "é": "ü\U0001f980\ud800\x7f\n/", "a": {"z": {}, "Z": ""}}
    text = rb'{"a":{"Z":"","z":{}},"b":[1,0.1,1e+16,true,null],"\u00e9":"\u00fc\ud83e\udd80\ud800\u007f\n/"}'
    assert canonical(value) == text
