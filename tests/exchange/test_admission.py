"""How releases come in, beyond what test_pool shows: only what is missing is asked for, refusals are told, nothing is left behind."""

import os
import threading
import time

import pytest

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import contents, flip, release_folder, released


def events(pool):
    return [entry.event for entry in pool.audit_log.entries() if entry.event not in ("genesis", "opened")]


def test_only_the_shards_that_do_not_lie_here_whole_are_asked_for(tmp_path):
    release, shards = released(samples=30)
    pool = Pool(tmp_path)
    pool.publish(release, shards)
    flip(release_folder(tmp_path, release) / "00001.shard")
    (release_folder(tmp_path, release) / "00002.shard").unlink()
    asked = []
    pool.admit(release, lambda position: asked.append(position) or [shards[position].data])
    assert asked == [1, 2]
    assert pool.read(release) == shards
    assert len(shards) > 3


def test_own_and_foreign_releases_are_told_apart(tmp_path):
    (own, own_shards), (other, other_shards) = released(), released(sequence=6)
    pool = Pool(tmp_path)
    pool.publish(own, own_shards)
    pool.admit(other, lambda position: [other_shards[position].data])
    pool.publish(own, own_shards)
    assert events(pool) == ["published", "admitted"]
    assert [entry.details["digest"] for entry in list(pool.audit_log.entries())[2:]] == [own.digest, other.digest]


def test_a_refusal_is_told_with_sender_and_reason(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)
    with pytest.raises(ReleaseError) as refused:
        pool.admit(release, lambda position: [bytes(shards[position].size_bytes)])
    assert events(pool) == ["refused"]
    assert list(pool.audit_log.entries())[-1].details == {
        "digest": release.digest,
        "sender": "entity-b",
        "reason": str(refused.value),
    }


def test_a_mending_that_fails_leaves_what_was_here(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)
    pool.publish(release, shards)
    flip(release_folder(tmp_path, release) / "00001.shard")
    before = contents(tmp_path / "releases")
    with pytest.raises(ReleaseError):
        pool.admit(release, lambda position: [b"x"])
    assert contents(tmp_path / "releases") == before


def test_a_release_that_is_here_but_not_listed_is_listed_again(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)
    pool.publish(release, shards)
    (release_folder(tmp_path, release) / "envelope.json").rename(tmp_path / "kept")
    Pool(tmp_path)  # marks it damaged
    (tmp_path / "kept").rename(release_folder(tmp_path, release) / "envelope.json")
    assert pool.find(release.digest).state == "damaged"
    pool.admit(release, lambda position: pytest.fail("asked for a shard that is here"))
    assert pool.find(release.digest).state == "held"


def test_two_that_bring_the_same_release_at_once_ask_for_each_shard_once(tmp_path):
    release, shards = released()
    asked = []

    def source(position):
        asked.append(position)
        time.sleep(0.02)
        return [shards[position].data]

    others = [threading.Thread(target=lambda: Pool(tmp_path).admit(release, source)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(120)
    assert asked == [0, 1]
    assert events(Pool(tmp_path)) == ["admitted"]
    assert Pool(tmp_path).read(release) == shards


@pytest.mark.parametrize("fails_at", range(12))
def test_a_disk_that_fails_at_any_sync_leaves_no_trace(tmp_path, monkeypatch, fails_at):
    release, shards = released()
    pool = Pool(tmp_path)
    before, syncs, sync = contents(tmp_path / "releases"), [], os.fsync

    def full(descriptor):
        syncs.append(descriptor)
        if len(syncs) > fails_at:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        if fails_at < 8:
            with pytest.raises(OutputError, match="No space left"):
                pool.publish(release, shards)
            assert contents(tmp_path / "releases") == before
            assert pool.listing() == []
        else:
            pool.publish(release, shards)  # a file and its folder for each shard and the envelope, the folder above, and the log: 8
    pool.publish(release, shards)
    assert Pool(tmp_path).read(release) == shards


def test_an_index_that_cannot_be_written_leaves_no_release(tmp_path, monkeypatch):
    def full(*_):
        raise OutputError("cannot write the index: the disk is full")

    release, shards = released()
    pool = Pool(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("dpm_flower.exchange.index.Index.put", full)
        with pytest.raises(OutputError, match="disk is full"):
            pool.publish(release, shards)
    assert contents(tmp_path / "releases") == {}
    pool.publish(release, shards)
    assert pool.read(release) == shards


def test_when_it_was_admitted_is_kept_with_its_envelope(tmp_path):
    release, shards = released()
    Pool(tmp_path, clock=lambda: 1234.9).publish(release, shards)
    assert Pool(tmp_path, clock=lambda: 9999.0).find(release.digest).admitted_at == 1234
    assert (release_folder(tmp_path, release) / "envelope.json").stat().st_mtime == 1234


def test_something_else_in_the_place_of_its_folder_is_replaced(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)
    release_folder(tmp_path, release).write_bytes(b"no folder")
    pool.publish(release, shards)
    assert pool.read(release) == shards
