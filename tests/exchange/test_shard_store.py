"""What every store of shards does alike."""

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.folder_store import FolderStore
from dpm_flower.exchange.object_store import ObjectStore
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.shard_store import ShardStore
from dpm_flower.exchange.stream import CHUNK_BYTES
from tests.exchange.examples import contents, released

A, B = "a" * 64, "b" * 64


@pytest.fixture(params=["folder", "objects"])
def store(request, tmp_path):
    made: ShardStore
    if request.param == "folder":
        made = FolderStore(tmp_path / "pool")
    else:
        files = MemoryFileSystem(skip_instance_cache=True)
        files.store, files.pseudo_dirs = {}, [""]  # fsspec keeps one memory for all
        made = ObjectStore(files, "/bucket/pool")
    return made


def test_what_is_put_is_read_back_from_any_place_on(store):
    store.put(A, 0, [b"012", b"", b"3456789"])
    store.put(A, 1, [b"other"])
    for offset in range(12):
        assert b"".join(store.open(A, 0, offset)) == b"0123456789"[offset:]
    assert [store.size(A, position) for position in (0, 1)] == [10, 5]


def test_chunks_are_no_larger_than_a_mib(store):
    store.put(A, 0, [bytes(CHUNK_BYTES) * 2 + b"x"])
    assert [len(chunk) for chunk in store.open(A, 0)] == [CHUNK_BYTES, CHUNK_BYTES, 1]


def test_putting_again_replaces(store):
    store.put(A, 0, [b"a longer one"])
    store.put(A, 0, [b"new"])
    assert b"".join(store.open(A, 0)) == b"new"
    assert store.size(A, 0) == 3


def test_deleting_takes_one_release_whole_and_no_other(store):
    for position in range(3):
        store.put(A, position, [b"a"])
    store.put(B, 0, [b"b"])
    store.delete(A)
    store.delete(A)
    for position in range(3):
        with pytest.raises(PoolError, match=f"shard {position} of release {A}"):
            list(store.open(A, position))
        with pytest.raises(PoolError, match=f"shard {position} of release {A}"):
            store.size(A, position)
    assert b"".join(store.open(B, 0)) == b"b"


def test_what_the_chunks_raise_comes_through(store):
    def broken():
        yield b"x"
        raise ReleaseError("the line broke")

    with pytest.raises(ReleaseError, match="the line broke"):
        store.put(A, 0, broken())


@pytest.mark.parametrize("digest", ["", "..", "a" * 63 + "/", "A" * 64])
def test_no_name_from_outside_becomes_a_path(store, digest):
    for act in (lambda: store.put(digest, 0, [b"x"]), lambda: list(store.open(digest, 0)), lambda: store.delete(digest)):
        with pytest.raises(ReleaseError, match="SHA-256"):
            act()


def test_a_pool_keeps_its_promises_with_any_store(store, tmp_path):
    release, shards = released()
    pool = Pool(tmp_path / "pool", store=store)
    pool.publish(release, shards)
    assert Pool(tmp_path / "pool", store=store).read(release) == shards
    with pytest.raises(ReleaseError, match="wanted"):
        pool.admit(released(sequence=6)[0], lambda position: [b"something else"])
    assert pool.digests() == [release.digest]
    pool.withdraw(release.digest, "why")
    with pytest.raises(PoolError):
        pool.check(release)
    with pytest.raises(PoolError):
        store.size(release.digest, 0)
    assert not [name for name in contents(tmp_path / "pool") if name.startswith(("releases/", "staging/")) and "mutex" not in name]
