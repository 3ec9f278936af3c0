import pytest

from dpm_flower.core.errors import PoolError
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.shelf import OnShelf, PoolShelf, Shelf
from tests.exchange.examples import released

RELEASE, SHARDS = released()


@pytest.fixture
def pool(tmp_path):
    made = Pool(tmp_path / "pool")
    made.publish(RELEASE, SHARDS)
    return made


@pytest.fixture
def shelf(pool) -> Shelf:
    return PoolShelf(pool)


def test_a_pools_releases_are_on_its_shelf(shelf):
    on_shelf = OnShelf(RELEASE.digest, "entity-b", ("entity-a", "entity-c"))
    assert list(shelf.listing(RELEASE.manifest.campaign)) == [on_shelf]
    assert list(shelf.listing(None)) == [on_shelf]
    assert list(shelf.listing("another")) == []
    assert shelf.find(RELEASE.digest) == on_shelf
    assert shelf.envelope(RELEASE.digest) == RELEASE.envelope.to_bytes()


@pytest.mark.parametrize("offset", [0, 1, 300])
def test_shards_are_given_from_the_offset_on_with_their_whole_size(shelf, offset):
    for position, shard in enumerate(SHARDS):
        size, chunks = shelf.open_shard(RELEASE.digest, position, offset)
        assert size == len(shard.data)
        assert b"".join(chunks) == shard.data[offset:]


def test_what_is_not_here_is_refused(shelf):
    with pytest.raises(PoolError):
        shelf.find("a" * 64)
    with pytest.raises(PoolError):
        shelf.open_shard(RELEASE.digest, len(SHARDS), 0)


def test_a_withdrawn_release_is_served_no_more_and_its_sender_still_known(shelf):
    shelf.withdraw(RELEASE.digest, "a patient asked")
    shelf.withdraw(RELEASE.digest, "again")
    assert list(shelf.listing(RELEASE.manifest.campaign)) == []
    assert shelf.find(RELEASE.digest).sender == "entity-b"
    with pytest.raises(PoolError):
        shelf.envelope(RELEASE.digest)
    with pytest.raises(PoolError):
        shelf.open_shard(RELEASE.digest, 0, 0)


def test_an_expired_release_is_served_no_more(shelf, pool):
    pool.expire(RELEASE.manifest.expires_at)
    assert list(shelf.listing(RELEASE.manifest.campaign)) == []
    with pytest.raises(PoolError):
        shelf.open_shard(RELEASE.digest, 0, 0)


@pytest.mark.parametrize(("peer", "may"), [("entity-a", True), ("entity-b", True), ("entity-c", True), ("entity-d", False)])
def test_a_release_is_for_its_recipients_and_its_sender_or_for_all(peer, may):
    assert OnShelf("f" * 64, "entity-b", ("entity-a", "entity-c")).is_for(peer) is may
    assert OnShelf("f" * 64, "entity-b", ()).is_for(peer)
