import pytest
from fsspec.implementations.memory import MemoryFileSystem

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
