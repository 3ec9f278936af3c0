import os

import pytest

from dpm_flower.core.durable import sync_folder, write_all, write_file


def test_chunks_become_a_new_file_that_was_synced_before_it_was_closed(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    write_file(tmp_path / "a", [b"one", b"", b"two"])
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert synced == [6]


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "a", [b"new"])
    assert (tmp_path / "a").read_bytes() == b"old"


def test_only_a_folder_is_synced_as_one(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync_folder(tmp_path)
    assert synced == [tmp_path.stat().st_ino]
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "a")


def test_all_bytes_are_written_where_they_go_however_few_the_disk_takes_at_once(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, start: write(descriptor, data[:3], start))
    with (tmp_path / "a").open("xb") as file:
        write_all(file.fileno(), b"content", 2)
    assert (tmp_path / "a").read_bytes() == b"\0\0content"
