import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.fields import Fields


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{\0}\0", "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1, "a": 2}', "a key appears twice"),
        (b"[" * 90, "not JSON"),
        (b'{"a": ' + b"9" * 90 + b"}x", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"{}", "lacks a"),
        (b'{"a": 1, "z": 2}', "unknown keys"),
        (b'{"a": "' + b"x" * 100 + b'"}', "may take 100 bytes, got 109"),
    ],
)
def test_bytes_that_are_no_object_of_these_keys_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        Fields.parse(data, "a thing", {"a"}, 100)


def test_depth_and_length_of_numbers_cannot_crash_the_reader():
    for data in (b"[" * 500_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"):
        with pytest.raises(ReleaseError, match="not JSON"):
            Fields.parse(data, "a thing", {"a"}, 1 << 20)


VALUES = {
    "text": ["x"],
    "integer": [3],
    "boolean": [True],
    "array": [[1, "x"]],
    "texts": [["x", "y"]],
    "integers": [[1, 2]],
    "floats": [{"x": 0.5}],
    "texts_by_name": [{}, {"x": "y"}],
}
WRONG = {
    "text": [1, None, ["x"], True],
    "integer": [True, 1.0, "1", None],
    "boolean": [1, 0, "true", None],
    "array": [{"a": 1}, "x", None],
    "texts": ["xy", [1], ["x", None]],
    "integers": [[True], [1.0], ["1"], 1],
    "floats": [{"x": 1}, {"x": True}, [0.5], None],
    "texts_by_name": [{"x": 1}, {"x": None}, ["x"], "x", None],
}


@pytest.mark.parametrize(("read", "value"), [(read, value) for read, values in VALUES.items() for value in values])
def test_fields_are_read_by_their_type(read, value):
    came = getattr(Fields({"a": value}, "a thing", {"a"}), read)("a")
    assert came == (tuple(value) if read in ("texts", "integers") else value)


@pytest.mark.parametrize(("read", "value"), [(read, value) for read, values in WRONG.items() for value in values])
def test_other_types_are_refused(read, value):
    with pytest.raises(ReleaseError, match="a thing: a must be"):
        getattr(Fields({"a": value}, "a thing", {"a"}), read)("a")


def test_objects_inside_are_as_strict_and_say_where_they_are():
    outer = Fields({"a": {"b": 1}}, "a thing", {"a"})
    assert outer.object("a", {"b"}).integer("b") == 1
    with pytest.raises(ReleaseError, match="a thing: a lacks c"):
        outer.object("a", {"b", "c"})
