import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from dpm_flower.core.written_once import write_once


def test_the_first_text_stays_and_its_owner_alone_reads_it(tmp_path):
    path = tmp_path / "new" / "file"
    for text in ("first", "second"):
        write_once(path, text)
    assert path.read_text() == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_of_several_writers_at_once_one_wins_whole(tmp_path):
    texts = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_once(tmp_path / "file", text), texts))
    assert (tmp_path / "file").read_text() in texts
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_where_nothing_can_be_written_the_disks_own_error_comes_through(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):  # noqa: PT011  # which one, the system says
        write_once(tmp_path / "file" / "below", "text")
