import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.core.whole_file import sweep, whole_file


def test_the_file_appears_at_the_end_of_the_block_with_all_that_was_written(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with whole_file(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_until_then_the_old_file_stands(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    for path in (tmp_path / "taken" / "file", tmp_path / "taken" / "deeper" / "file"):
        with pytest.raises(OutputError, match=f"cannot write {path}"), whole_file(path) as partial:
            partial.write_text("x")


def test_a_path_that_is_a_folder_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OutputError, match="folder"), whole_file(tmp_path / "folder") as partial:
        partial.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_block_that_writes_nothing_is_refused(tmp_path):
    with pytest.raises(OutputError), whole_file(tmp_path / "file"):
        pass


def test_a_new_folder_gets_the_mode_that_was_asked_for(tmp_path):
    with whole_file(tmp_path / "private" / "file", folder_mode=0o700) as partial:
        partial.write_text("x")
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o700


def test_two_writers_at_once_do_not_meet(tmp_path):
    path, both = tmp_path / "file", Barrier(2)

    def write(text):
        with whole_file(path) as partial:
            partial.write_text(text)
            both.wait(timeout=10)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("a" * 9, "b" * 9)))
    assert path.read_text() in ("a" * 9, "b" * 9)
    assert list(tmp_path.iterdir()) == [path]


def test_a_sweep_takes_what_killed_writers_left_and_nothing_else(tmp_path):
    kept = {tmp_path / name for name in ("file", ".lock", ".file.partial", "file.0123456789abcdef.partial", ".file.0123456789abcdef.part")}
    with whole_file(tmp_path / "a" / "b" / "file") as partial:
        for path in kept | {partial, partial.with_name(f"{partial.name}-journal"), tmp_path / f".{partial.name}"}:
            path.touch()
        sweep(tmp_path, ("a",))
        left = {path for path in tmp_path.rglob("*") if path.is_file()}
        partial.write_text("again, for the end of the block")
    assert left == kept
    sweep(tmp_path / "nowhere", ("a",))


def test_a_sweep_enters_its_own_folders_only_however_those_of_others_below_are_called(tmp_path):
    left = ".file.0123456789abcdef.partial"
    places = [tmp_path, tmp_path / "own", tmp_path / "own" / "other", tmp_path / "other", tmp_path / "other" / "own"]
    for place in places:
        place.mkdir(exist_ok=True)
        (place / left).touch()
    sweep(tmp_path, ("own",))
    assert [place for place in places if (place / left).exists()] == places[3:]
