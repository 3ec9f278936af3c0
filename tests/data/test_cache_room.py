import os

import pytest

from dpm_flower.data.cache_entry import Origin
from dpm_flower.data.cache_room import LEFT_BEHIND_S, drop_orphans, make_room


def key(number):
    return f"{number:064x}"


@pytest.fixture
def folder(tmp_path):
    """Four entries of 300 bytes, used one after the other; number 3 first of all."""
    for number, used_s in ((0, 20), (1, 30), (2, 40), (3, 10)):
        for name in ("-train.npy", "-test.npy", ".json"):
            path = tmp_path / f"{key(number)}{name}"
            path.write_bytes(bytes(100))
            os.utime(path, (used_s, used_s) if name == ".json" else (1000 - used_s, 1000 - used_s))
    return tmp_path


def left(folder):
    return {int(path.name[:64], 16) for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("room_bytes", "newest", "stay"),
    [(1200, 2, {0, 1, 2, 3}), (1199, 2, {0, 1, 2}), (600, 2, {1, 2}), (599, 2, {2}), (0, 2, {2}), (600, 3, {2, 3}), (0, 3, {3})],
)
def test_what_was_used_last_stays_and_the_newest_always(folder, room_bytes, newest, stay):
    make_room(folder, room_bytes, key(newest))
    assert left(folder) == stay


def test_an_entry_without_its_index_goes_first(folder):
    (folder / f"{key(2)}.json").unlink()
    make_room(folder, 1000, key(1))
    assert left(folder) == {0, 1, 3}


def test_other_files_stay_and_old_parts_go(folder):
    (folder / "my-notes.json").write_bytes(bytes(5000))
    old, new = (folder / f".{key(7)}-train.npy.{name}.partial" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (new.stat().st_mtime - LEFT_BEHIND_S - 60,) * 2)
    make_room(folder, 1200, key(2))
    assert (folder / "my-notes.json").exists()
    assert new.exists()
    assert not old.exists()
    assert len(list(folder.glob("0*"))) == 12


def test_a_folder_that_is_gone_costs_nothing(tmp_path):
    make_room(tmp_path / "gone", 0, key(0))
    assert list(tmp_path.iterdir()) == []


def test_entries_that_cannot_tell_their_origin_go_and_what_is_being_written_stays(folder):
    (folder / f"{key(2)}.json").unlink()
    (folder / "my-notes.json").touch()
    drop_orphans(folder, Origin("/data", "state"))
    assert sorted(path.name for path in folder.iterdir()) == [f"{key(2)}-test.npy", f"{key(2)}-train.npy", "my-notes.json"]
    drop_orphans(folder / "gone", Origin("/data", "state"))
