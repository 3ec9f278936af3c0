import os
import shutil

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import DAMAGES, contents, release_folder, released


@pytest.fixture
def sent(tmp_path):
    """A release in its sender's pool, the exchange, and an empty pool of its receiver."""
    release, shards = released()
    Pool(tmp_path / "b").publish(release, shards)
    exchange: Exchange = LocalExchange({"entity-a": tmp_path / "a", "entity-b": tmp_path / "b"})
    return release, shards, exchange, Pool(tmp_path / "a")


def test_what_is_fetched_is_what_was_published(sent):
    release, shards, exchange, into = sent
    exchange.fetch(release, into)
    assert into.read(release) == shards
    assert into.envelopes() == [release.envelope]


def test_fetching_again_needs_the_sender_no_more(sent, tmp_path):
    release, shards, exchange, into = sent
    exchange.fetch(release, into)
    (tmp_path / "b").rename(tmp_path / "gone")
    exchange.fetch(release, into)
    assert into.read(release) == shards


def test_what_a_sender_alters_later_is_noticed_and_not_used(sent, tmp_path):
    release, _, exchange, into = sent
    exchange.fetch(release, into)
    for path in release_folder(tmp_path / "b", release).iterdir():
        with path.open("r+b") as file:
            file.write(b"later")
    with pytest.raises(PoolError, match="SHA-256"):
        into.read(release)


def test_a_release_takes_room_once_however_many_receivers_there_are(sent, tmp_path):
    release, shards, exchange, into = sent
    exchange.fetch(release, into)
    here, there = (release_folder(tmp_path / name, release) / "00000.shard" for name in "ab")
    assert here.stat().st_ino == there.stat().st_ino
    shutil.rmtree(tmp_path / "b")
    assert into.read(release) == shards


def test_pools_on_two_disks_copy(sent, tmp_path, monkeypatch):
    def another_disk(*names, **settings):
        raise OSError(18, "Invalid cross-device link")

    release, shards, exchange, into = sent
    monkeypatch.setattr(os, "link", another_disk)
    exchange.fetch(release, into)
    here, there = (release_folder(tmp_path / name, release) / "00000.shard" for name in "ab")
    assert here.stat().st_ino != there.stat().st_ino
    assert into.read(release) == shards


def test_the_senders_pool_is_only_read(sent, tmp_path):
    release, _, exchange, into = sent
    before = contents(tmp_path / "b")
    exchange.fetch(release, into)
    assert contents(tmp_path / "b") == before


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_release_is_refused_and_costs_no_other(sent, tmp_path, damage):
    release, _, exchange, into = sent
    other, other_shards = released(sequence=6)
    Pool(tmp_path / "b").publish(other, other_shards)
    damage(release_folder(tmp_path / "b", release) / "00001.shard")
    with pytest.raises(ReleaseError, match=r"features-00001.*entity-b|entity-b does not deliver.*features-00001"):
        exchange.fetch(release, into)
    assert into.digests() == []
    exchange.fetch(other, into)
    assert into.read(other) == other_shards


def test_a_release_that_its_sender_does_not_hold_is_refused(sent):
    _, _, exchange, into = sent
    with pytest.raises(ReleaseError, match="entity-b does not deliver"):
        exchange.fetch(released(sequence=7)[0], into)


def test_a_sender_without_a_pool_is_refused(sent, tmp_path):
    release, _, _, into = sent
    with pytest.raises(ReleaseError, match="wanted the pool of one of entity-a, got a release of 'entity-b'"):
        LocalExchange({"entity-a": tmp_path / "a"}).fetch(release, into)


def test_a_receiver_that_cannot_write_is_not_the_senders_fault(sent, monkeypatch):
    release, _, exchange, into = sent

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        exchange.fetch(release, into)
