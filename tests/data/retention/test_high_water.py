import stat

import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention.high_water import SLOT_BYTES, read_mark, write_mark
from dpm_flower.data.retention.judgement import Mark

MARKS = [Mark(1000.25, 5.5, "a" * 36, sure=True), Mark(1000.25, 0.5, "b" * 36, sure=False), Mark(1001.5, 1.5, "b" * 36, sure=True)]


def test_the_mark_that_was_written_last_is_read(tmp_path):
    path = tmp_path / "mark"
    assert read_mark(path) is None
    for mark in MARKS * 2:
        write_mark(path, mark)
        assert read_mark(path) == mark
    assert path.stat().st_size == 2 * SLOT_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [0, 1, 50, SLOT_BYTES - 180])
def test_a_slot_that_was_half_written_leaves_the_mark_before(tmp_path, cut):
    path = tmp_path / "mark"
    for mark in MARKS:
        write_mark(path, mark)
    torn = bytearray(path.read_bytes())  # the third went to the first slot
    torn[cut : cut + 10] = bytes(10)
    path.write_bytes(torn)
    assert read_mark(path) == MARKS[1]
    write_mark(path, MARKS[2])
    assert read_mark(path) == MARKS[2]


def test_a_file_without_a_mark_has_none_and_gets_one(tmp_path):
    for content in (b"", b"x" * 700, b"{} 00000000"):
        (tmp_path / "mark").write_bytes(content)
        assert read_mark(tmp_path / "mark") is None
    write_mark(tmp_path / "mark", MARKS[0])
    assert read_mark(tmp_path / "mark") == MARKS[0]


def test_links_and_folders_are_refused(tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(RetentionError, match="highest time"):
            read_mark(tmp_path / name)
        with pytest.raises(OutputError, match="highest time"):
            write_mark(tmp_path / name, MARKS[0])
    assert (tmp_path / "other").read_bytes() == b"precious"
