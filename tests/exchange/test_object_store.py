from collections.abc import Iterator

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.object_store import ObjectStore
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import contents, released


@pytest.fixture
def files():
    made = MemoryFileSystem(skip_instance_cache=True)
    made.store, made.pseudo_dirs = {}, [""]  # fsspec keeps one memory for all
    return made


def test_shards_lie_in_the_object_storage_and_nowhere_else(files, tmp_path):
    release, shards = released()
    Pool(tmp_path, store=ObjectStore(files, "/bucket")).publish(release, shards)
    assert {name: files.cat(name) for name in files.find("/bucket")} == {
        f"/bucket/{release.digest}/{n:05d}.shard": shard.data for n, shard in enumerate(shards)
    }
    assert list(contents(tmp_path / "releases")) == [f"{release.digest}/envelope.json"]


def test_a_file_on_our_disk_is_copied(files, tmp_path):
    release, shards = released()
    Pool(tmp_path / "b").publish(release, shards)
    into = Pool(tmp_path / "a", store=ObjectStore(files, "/bucket"))
    LocalExchange({"entity-b": tmp_path / "b"}).fetch(release, into)
    assert into.read(release) == shards
    assert len(files.find("/bucket")) == len(shards)


class _OfABackend(Exception):
    """No OSError, as those of cloud stores are."""


class _Broken(MemoryFileSystem):
    protocol = "broken"
    cachable = False

    def _raises(self, *_: object, **__: object) -> None:
        raise _OfABackend("no such bucket")

    makedirs = open = size = exists = _raises  # type: ignore[assignment]


def test_whatever_a_backend_raises_is_told_as_ours():
    store = ObjectStore(_Broken(), "/bucket")
    with pytest.raises(OutputError, match=f"cannot write shard 0 of release {'a' * 64} to /bucket: no such bucket"):
        store.put("a" * 64, 0, [b"one"])
    with pytest.raises(PoolError, match=r"cannot read shard 0 .* no such bucket"):
        list(store.open("a" * 64, 0))
    with pytest.raises(PoolError, match=r"cannot read shard 0 .* no such bucket"):
        store.size("a" * 64, 0)
    with pytest.raises(OutputError, match=r"cannot delete release .* no such bucket"):
        store.delete("a" * 64)


def test_what_the_chunks_raise_is_not_the_stores(files):
    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise _OfABackend("of the sender")

    with pytest.raises(_OfABackend, match="of the sender"):
        ObjectStore(files, "/bucket").put("a" * 64, 0, chunks())
