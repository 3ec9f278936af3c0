"""Releases that end, by hand or by time."""

import os
import threading

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import contents, release_folder, released
from tests.payload.examples import NOW, expectation
from tests.payload.unsigned import Unsigned


@pytest.fixture
def held(tmp_path):
    """A pool that holds two releases, and these."""
    pool, (first, first_shards), (second, second_shards) = Pool(tmp_path, clock=lambda: NOW), released(), released(sequence=6)
    pool.publish(first, first_shards)
    pool.publish(second, second_shards)
    return pool, (first, first_shards), (second, second_shards)


def test_a_withdrawn_release_leaves_its_tombstone_and_nothing_else(held, tmp_path):
    pool, (first, _), (second, second_shards) = held
    before = pool.listing()
    pool.withdraw(first.digest, "a patient withdrew consent")
    assert not release_folder(tmp_path, first).exists()
    assert pool.digests() == [second.digest]
    assert pool.read(second) == second_shards
    states = {listing.digest: listing.state for listing in pool.listing()}
    assert states == {first.digest: "withdrawn", second.digest: "held"}
    tombstone = pool.tombstone(first.digest)
    assert (tombstone.at, tombstone.reason, tombstone.ended) == (NOW, "a patient withdrew consent", "withdrawn")
    (was,) = [listing for listing in before if listing.digest == first.digest]
    assert all(getattr(tombstone.listing, name) == getattr(was, name) for name in ("sender", "campaign", "sequence", "admitted_at"))
    assert pool.tombstone(second.digest) is None


def test_what_expired_by_then_goes_and_no_more(held):
    pool, (first, _), (second, _) = held
    due = first.manifest.expires_at
    assert pool.expire(due - 1) == []
    assert sorted(pool.expire(due)) == sorted([first.digest, second.digest])
    assert pool.expire(due) == []
    assert {listing.state for listing in pool.listing()} == {"expired"}
    assert pool.tombstone(first.digest).reason == f"expired at {due}"
    with pytest.raises(ReleaseError, match="does not come back"):
        pool.admit(first, lambda position: pytest.fail("asked for a shard of an expired release"))


def test_a_damaged_release_expires_too(held, tmp_path):
    pool, (first, _), _ = held
    (release_folder(tmp_path, first) / "envelope.json").unlink()
    pool = Pool(tmp_path, clock=lambda: NOW)
    assert pool.find(first.digest).state == "damaged"
    assert first.digest in pool.expire(first.manifest.expires_at)
    assert not release_folder(tmp_path, first).exists()


def test_a_withdrawn_release_is_not_served(held):
    pool, (first, _), _ = held
    pool.withdraw(first.digest, "why")
    for act in (
        lambda: pool.envelope(first.digest),
        lambda: pool.open_shard(first.digest, 0),
        lambda: pool.shard_size(first.digest, 0),
        lambda: pool.claim(first.digest),
        lambda: pool.verify(first.digest),
        lambda: pool.check(first),
        lambda: pool.read(first),
    ):
        with pytest.raises(PoolError, match=first.digest):
            act()


def test_a_peer_is_told_that_its_fetch_comes_too_late(held, tmp_path):
    pool, (first, _), _ = held
    pool.withdraw(first.digest, "why")
    with pytest.raises(ReleaseError, match=r"entity-b does not deliver.*the release was withdrawn or has expired"):
        LocalExchange({"entity-b": tmp_path}).fetch(first, Pool(tmp_path / "a"))


def test_peers_keep_the_files_that_they_linked(held, tmp_path):
    pool, (first, shards), _ = held
    into = Pool(tmp_path / "a")
    LocalExchange({"entity-b": tmp_path}).fetch(first, into)
    pool.withdraw(first.digest, "why")
    assert into.read(first) == shards


def test_a_withdrawn_release_never_comes_back(held, tmp_path):
    pool, (first, shards), _ = held
    pool.withdraw(first.digest, "why")
    for again in (pool, Pool(tmp_path)):
        with pytest.raises(ReleaseError, match="was withdrawn or has expired; it does not come back"):
            again.publish(first, shards)
    assert pool.digests() != []
    assert not release_folder(tmp_path, first).exists()
    assert [entry.event for entry in pool.audit_log.entries()].count("refused") == 2


def test_nor_does_another_release_under_its_name(held, tmp_path):
    pool, (first, _shards), _ = held
    pool.withdraw(first.digest, "why")
    another, another_shards = released(samples=11)
    assert another.digest != first.digest
    with pytest.raises(ReleaseError, match=f"entity-b's sequence 5 of c-0123 is withdrawn, as release {first.digest}"):
        pool.publish(another, another_shards)
    assert not release_folder(tmp_path, another).exists()


def test_withdrawing_again_changes_nothing(held, tmp_path):
    pool, (first, _), _ = held
    pool.withdraw(first.digest, "why")
    tombstone, head = pool.tombstone(first.digest), pool.audit_log.head
    pool.withdraw(first.digest, "because")
    assert (pool.tombstone(first.digest), pool.audit_log.head) == (tombstone, head)


def test_what_is_not_here_cannot_be_withdrawn(held):
    pool, _, _ = held
    with pytest.raises(PoolError, match="has no release"):
        pool.withdraw("0" * 64, "why")
    with pytest.raises(ReleaseError, match="SHA-256"):
        pool.withdraw("../x", "why")


def test_a_release_that_is_withdrawn_while_its_shards_come_is_refused(held, tmp_path):
    pool, (first, shards), _ = held
    (release_folder(tmp_path, first) / "00001.shard").unlink()
    (release_folder(tmp_path, first) / "00000.shard").unlink()

    def source(position):
        if position == 1:
            Pool(tmp_path).withdraw(first.digest, "why")
            assert (release_folder(tmp_path, first) / "00000.shard").exists()  # its writer's to remove, who lives
        return [shards[position].data]

    with pytest.raises(ReleaseError, match="does not come back"):
        pool.admit(first, source)
    assert not release_folder(tmp_path, first).exists()


def test_a_release_that_ends_just_as_its_writer_is_done_goes_all_the_same(held, tmp_path, monkeypatch):
    pool, (first, shards), _ = held
    (release_folder(tmp_path, first) / "00001.shard").unlink()
    put = Index.put
    withdrawing = threading.Thread(target=lambda: Pool(tmp_path).withdraw(first.digest, "why"))

    def put_and_wait(index, listing):  # the writer still holds its work folder, and lets the mutex go after this
        put(index, listing)
        if listing.state == "held":
            withdrawing.start()

    unlocked = os.close

    def wait_for_the_other(descriptor):
        unlocked(descriptor)
        if withdrawing.is_alive() and threading.current_thread() is not withdrawing:
            withdrawing.join(120)

    monkeypatch.setattr(Index, "put", put_and_wait)
    monkeypatch.setattr(os, "close", wait_for_the_other)
    pool.publish(first, shards)
    monkeypatch.undo()
    withdrawing.join(120)
    assert not release_folder(tmp_path, first).exists()
    assert pool.find(first.digest).state == "withdrawn"


def test_a_full_disk_leaves_the_release_as_it_was(held, tmp_path, monkeypatch):
    pool, (first, shards), _ = held

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            pool.withdraw(first.digest, "why")
    assert Pool(tmp_path).read(first) == shards
    assert pool.find(first.digest).state == "held"
    assert not [name for name in contents(tmp_path) if name.startswith("tombstones/")]


def test_the_end_is_told_in_the_log(held):
    pool, (first, _), (second, _) = held
    pool.withdraw(first.digest, "why")
    pool.expire(second.manifest.expires_at)
    told = [(entry.event, dict(entry.details)) for entry in pool.audit_log.entries()][-2:]
    assert told == [
        ("withdrawn", {"digest": first.digest, "sender": "entity-b", "reason": "why"}),
        ("expired", {"digest": second.digest, "sender": "entity-b", "reason": f"expired at {second.manifest.expires_at}"}),
    ]


def test_a_tombstone_that_cannot_be_read_buries_all_the_same(held, tmp_path):
    pool, (first, shards), _ = held
    pool.withdraw(first.digest, "why")
    (tmp_path / "tombstones" / f"{first.digest}.json").write_bytes(b"damaged")
    (tmp_path / "index.sqlite").unlink()
    again = Pool(tmp_path)
    with pytest.raises(ReleaseError, match="does not come back"):
        again.publish(first, shards)
    assert first.digest not in [listing.digest for listing in again.listing()]


def test_verifying_anew_changes_nothing_for_the_buried(held):
    pool, (first, _), _ = held
    pool.withdraw(first.digest, "why")
    anew = Unsigned().verify(first.envelope, expectation())
    with pytest.raises(ReleaseError, match="does not come back"):
        pool.admit(anew, lambda position: [])
