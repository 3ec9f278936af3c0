import threading

import pytest

from dpm_flower.core.errors import OutputError, PoolError, SettingError
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.shard_place import settle
from tests.exchange.examples import contents, released


@pytest.fixture
def store(tmp_path):
    return f"file://{tmp_path}/objects"


def test_whoever_opens_a_pool_later_finds_its_shards_where_they_were_settled(tmp_path, store):
    release, shards = released()
    settle(tmp_path / "pool", store)
    Pool(tmp_path / "pool").publish(release, shards)
    assert sorted(contents(tmp_path / "objects")) == [f"{release.digest}/{number:05d}.shard" for number in range(len(shards))]
    assert list(contents(tmp_path / "pool" / "releases")) == [f"{release.digest}/envelope.json"]
    settle(tmp_path / "pool", store)
    settle(tmp_path / "pool", "")
    assert Pool(tmp_path / "pool").read(release) == shards
    Pool(tmp_path / "pool").withdraw(release.digest, "why")
    assert contents(tmp_path / "objects") == {}


def test_shards_lie_in_one_store_only(tmp_path, store):
    settle(tmp_path / "pool", store)
    with pytest.raises(PoolError, match=f"lie in {store}, wanted them in s3://bucket"):
        settle(tmp_path / "pool", "s3://bucket")
    Pool(tmp_path / "own").publish(*released())
    with pytest.raises(PoolError, match="wanted a new pool for the store"):
        settle(tmp_path / "own", store)
    assert Pool(tmp_path / "own").digests() == [released()[0].digest]
    Pool(tmp_path / "empty")
    settle(tmp_path / "empty", store)


def test_of_two_that_settle_a_new_pool_at_once_one_is_refused(tmp_path, store):
    outcomes, together = [], threading.Barrier(8)

    def work(number):
        together.wait()
        try:
            settle(tmp_path / "pool", f"{store}-{number % 2}")
            outcomes.append(number % 2)
        except PoolError:
            outcomes.append(None)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) in ([0] * 4 + [None] * 4, [1] * 4 + [None] * 4)
    assert sorted(path.name for path in (tmp_path / "pool").iterdir()) == ["store"]


def test_a_wrong_url_settles_nothing(tmp_path):
    with pytest.raises(SettingError, match="a store is a URL"):
        settle(tmp_path / "pool", "objects")
    assert not (tmp_path / "pool").exists()


def test_a_pool_whose_store_does_not_answer_or_is_illegible_is_not_opened(tmp_path):
    settle(tmp_path / "pool", "file:///dev/null/objects")
    with pytest.raises(PoolError, match="cannot be got at"):
        Pool(tmp_path / "pool")
    (tmp_path / "pool" / "store").write_bytes(b"\xff")
    with pytest.raises(PoolError, match="cannot tell where"):
        Pool(tmp_path / "pool")


def test_a_folder_that_cannot_be_written_is_told(tmp_path, store):
    (tmp_path / "pool").write_text("a file")
    with pytest.raises((OutputError, PoolError)):
        settle(tmp_path / "pool", store)
