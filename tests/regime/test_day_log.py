import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.regime.day_log import append_day, utc
from tests.regime.small_inbox import read_days


def test_a_days_line_stands_there_once(tmp_path):
    path = tmp_path / "days.jsonl"
    assert read_days(path) == []
    for line in ({"day": 1, "taken": 5}, {"day": 1, "taken": 6}, {"day": 2, "taken": 7}, {"day": 2}):
        append_day(path, line)
    assert read_days(path) == [{"day": 1, "taken": 5}, {"day": 2, "taken": 7}]


@pytest.mark.parametrize("left", [b"{", b'{"day": 2, "taken": 12345678901234567890123456789'])
def test_what_was_left_of_a_line_is_cut_off(tmp_path, left):
    path = tmp_path / "days.jsonl"
    for before in (b"", b'{"day": 1}\n'):
        path.write_bytes(before + left)
        append_day(path, {"day": 2})
        assert path.read_bytes() == before + b'{"day": 2}\n'


def test_a_report_that_is_none_is_refused(tmp_path):
    path = tmp_path / "days.jsonl"
    path.write_bytes(b"[1]\n{}\n")
    with pytest.raises(OutputError, match="cannot write the report"):
        append_day(path, {"day": 2})


def test_times_are_in_utc():
    assert utc(1_000_000) == "1970-01-12T13:46:40Z"
