import os

import pytest

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.folder_store import FolderStore
from tests.exchange.examples import contents

A = "a" * 64


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "pool")


def test_a_shard_is_a_file_beside_its_releases_envelope(store, tmp_path):
    store.put(A, 3, [b"x"])
    assert contents(tmp_path / "pool") == {f"releases/{A}/00003.shard": b"x"}


def test_readers_see_the_old_shard_until_the_new_one_is_whole(store):
    store.put(A, 0, [b"old"])

    def chunks():
        yield b"ne"
        assert b"".join(store.open(A, 0)) == b"old"
        yield b"w"

    store.put(A, 0, chunks())
    assert b"".join(store.open(A, 0)) == b"new"


def test_what_was_not_finished_leaves_nothing(store, tmp_path):
    def broken():
        yield b"x"
        raise ReleaseError("the line broke")

    store.put(A, 0, [b"old"])
    with pytest.raises(ReleaseError):
        store.put(A, 0, broken())
    assert contents(tmp_path / "pool") == {f"releases/{A}/00000.shard": b"old"}


@pytest.mark.parametrize("there", ["folder", "link", "pipe"])
@pytest.mark.parametrize("how", ["put", "adopt"])
def test_whatever_lies_in_its_place_is_replaced(store, tmp_path, there, how):
    (tmp_path / "source").write_bytes(b"new")
    path = tmp_path / "pool" / "releases" / A / "00000.shard"
    path.parent.mkdir(parents=True)
    if there == "folder":
        (path / "deep").mkdir(parents=True)
    elif there == "link":
        path.symlink_to(tmp_path / "source")
    else:
        os.mkfifo(path)
    with pytest.raises(PoolError):
        store.size(A, 0)
    if how == "put":
        store.put(A, 0, [b"new"])
    else:
        assert store.adopt(A, 0, tmp_path / "source")
    assert b"".join(store.open(A, 0)) == b"new"
    assert (tmp_path / "source").read_bytes() == b"new"


def test_a_file_is_adopted_under_another_name_and_may_be_again(store, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for _ in range(2):
        assert store.adopt(A, 0, source)
    assert (tmp_path / "pool" / "releases" / A / "00000.shard").stat().st_ino == source.stat().st_ino
    assert source.stat().st_nlink == 2
    store.delete(A)
    assert source.read_bytes() == b"x"


@pytest.mark.parametrize("source", ["missing", "folder", "link", "pipe"])
def test_what_is_no_regular_file_is_not_adopted(store, tmp_path, source):
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    assert not store.adopt(A, 0, tmp_path / source)
    assert contents(tmp_path / "pool") == {}
    assert not (tmp_path / "pool" / "releases").exists()


@pytest.mark.parametrize("there", ["file", "link"])
def test_what_is_no_folder_is_deleted_too_and_links_are_not_followed(store, tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    path = tmp_path / "pool" / "releases" / A
    path.parent.mkdir(parents=True)
    if there == "file":
        path.touch()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    store.delete(A)
    assert list(path.parent.iterdir()) == []
    assert (tmp_path / "elsewhere" / "kept").exists()
