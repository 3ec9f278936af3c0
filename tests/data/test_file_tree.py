import os

import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.file_tree import files_below, state_of


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    for name in ("a", "b/c", "b/d/e"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(root):
    return sorted(os.path.relpath(entry.path, root) for entry in files_below(root))


def test_all_files_however_deep(tree):
    assert names(tree) == ["a", "b/c", "b/d/e"]


def test_links_are_followed_once(tree, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "f").write_text("f")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "far", target_is_directory=True)
    for name in ("one", "two"):
        (tree / name).symlink_to(tmp_path / "far", target_is_directory=True)
    (tree / "nowhere").symlink_to(tmp_path / "nothing")
    found = names(tree)
    assert sum(name.endswith("/f") for name in found) == 1
    assert "nowhere" in found


def test_the_state_stays_while_nothing_changes(tree):
    assert state_of(tree) == state_of(tree)
    assert state_of(tree / "a") == state_of(tree / "a") != state_of(tree / "b" / "c")


def rewrite(tree):
    (tree / "b" / "d" / "e").write_text("other")


def touch(tree):
    os.utime(tree / "b" / "c", ns=(1, 1))


def remove(tree):
    (tree / "a").unlink()


def rename(tree):
    (tree / "b" / "c").rename(tree / "b" / "cc")


def add(tree):
    (tree / "b" / "x").symlink_to(tree / "nothing")


def test_what_cannot_be_looked_up_is_refused(tree):
    with pytest.raises(DataError, match=r"can be looked up, got OSError: .*too long"):
        state_of(tree / ("x" * 300))


@pytest.mark.parametrize("change", [rewrite, touch, remove, rename, add])
def test_every_change_is_another_state(tree, change):
    before = state_of(tree)
    change(tree)
    assert state_of(tree) != before


def test_a_file_and_its_absence_differ(tree):
    before = state_of(tree / "a")
    os.utime(tree / "a", ns=(1, 1))
    touched = state_of(tree / "a")
    (tree / "a").unlink()
    assert len({before, touched, state_of(tree / "a")}) == 3


def test_a_folder_that_cannot_be_read_is_refused(tree, monkeypatch):
    def refuse(_):
        raise PermissionError("not for you")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match="wanted a folder that can be read, got PermissionError"):
        state_of(tree)
