import os

import pytest

from dpm_flower.data.retention import erasing
from dpm_flower.data.retention.erasing import erase


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place").mkdir()
    descriptor = os.open(tmp_path / "place", os.O_RDONLY)
    yield tmp_path / "place", descriptor
    os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, 999, 2 * 4096 + 1])
def test_a_files_bytes_are_overwritten_and_synced_before_its_name_goes(place, monkeypatch, size):
    folder, descriptor = place
    monkeypatch.setattr(erasing, "CHUNK_BYTES", 4096)
    (folder / "a").write_bytes(b"\0" * size)
    seen, unlink, fsync = [], os.unlink, os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: seen.append("synced") or fsync(number))
    monkeypatch.setattr(os, "unlink", lambda *path, **more: seen.append((folder / "a").read_bytes()) or unlink(*path, **more))
    assert erase("a", descriptor) == "overwritten"
    assert seen[0] == "synced"
    assert len(seen[1]) == size
    assert seen[1].count(0) <= size / 16 + (size == 1)  # random bytes
    assert not (folder / "a").exists()


def test_a_link_goes_and_what_it_leads_to_stays(place, tmp_path):
    folder, descriptor = place
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "file").write_bytes(b"precious")
    (folder / "deep").mkdir()
    for name in ("a", "deep/b"):
        (folder / name).symlink_to(tmp_path / "precious")
    (folder / "deep" / "c").symlink_to(tmp_path / "rich")
    (folder / "d").symlink_to(tmp_path / "rich")
    assert [erase(name, descriptor) for name in ("a", "deep", "d")] == ["only unlinked"] * 3
    assert list(folder.iterdir()) == []
    assert (tmp_path / "precious").read_bytes() == (tmp_path / "rich" / "file").read_bytes() == b"precious"


def test_a_file_with_another_name_is_not_overwritten_and_the_answer_says_so(place, tmp_path):
    folder, descriptor = place
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / "deep").mkdir()
    os.link(tmp_path / "precious", folder / "deep" / "a")
    (folder / "deep" / "b").write_bytes(b"own")
    assert erase("deep", descriptor) == "linked elsewhere"
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert list(folder.iterdir()) == []


def test_pipes_and_empty_folders_go(place):
    folder, descriptor = place
    os.mkfifo(folder / "a")
    (folder / "b" / "c").mkdir(parents=True)
    assert erase("a", descriptor) == "only unlinked"
    assert erase("b", descriptor) == "overwritten"
    assert list(folder.iterdir()) == []


def test_a_disk_that_takes_no_bytes_loses_the_name_all_the_same(place, monkeypatch):
    folder, descriptor = place
    (folder / "a").write_bytes(b"content")
    monkeypatch.setattr(erasing, "write_all", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert erase("a", descriptor) == "only unlinked"
    assert list(folder.iterdir()) == []


def test_whatever_can_go_goes_before_what_cannot_is_told(place, monkeypatch):
    folder, descriptor = place
    (folder / "a" / "b").mkdir(parents=True)
    for name in ("a/1", "a/b/stuck", "a/b/3"):
        (folder / name).write_bytes(b"content")
    unlink = os.unlink

    def refused(name, **more):
        if name == "stuck":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, **more)

    monkeypatch.setattr(os, "unlink", refused)
    with pytest.raises(PermissionError):
        erase("a", descriptor)
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / "a" / "b" / "stuck"]
    assert b"content" not in (folder / "a" / "b" / "stuck").read_bytes()
    with pytest.raises(FileNotFoundError):
        erase("nothing", descriptor)
