"""What opening puts right. What a kill leaves behind, line by line, see test_pool_writers."""

import shutil

import pytest

from dpm_flower.core.errors import OutputError, PoolError
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.staging import Staging
from tests.exchange.examples import contents, flip, release_folder, released


@pytest.fixture
def held(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)
    pool.publish(release, shards)
    return pool, release, shards


def forget(pool_folder):
    """Leaves the folder as it is, and an index that knows of nothing."""
    Index(pool_folder / "index.sqlite").create([])


def last(pool):
    return dict(list(pool.audit_log.entries())[-1].details)


def test_a_whole_release_without_a_listing_is_listed_and_told(held, tmp_path):
    pool, release, shards = held
    before = pool.listing()
    forget(tmp_path)
    again = Pool(tmp_path)
    assert again.listing() == before
    assert again.read(release) == shards
    assert last(again) == {"index": "sound", "found": 1, "swept": 0, "lost": 0}
    assert list(again.audit_log.entries())[-2].details["digest"] == release.digest


def test_a_release_without_a_listing_whose_bytes_are_others_is_listed_as_damaged(held, tmp_path):
    _pool, release, shards = held
    flip(release_folder(tmp_path, release) / "00001.shard")
    forget(tmp_path)
    again = Pool(tmp_path)
    assert [listing.state for listing in again.listing()] == ["damaged"]
    again.publish(release, shards)
    assert again.read(release) == shards


@pytest.mark.parametrize("left", ["no envelope", "another envelope", "no folder"])
def test_what_was_never_finished_is_swept(held, tmp_path, left):
    _, release, shards = held
    folder = release_folder(tmp_path, release)
    if left == "no envelope":
        (folder / "envelope.json").unlink()
    elif left == "another envelope":
        flip(folder / "envelope.json")
    else:
        shutil.rmtree(folder)
        folder.write_bytes(b"x")
    forget(tmp_path)
    again = Pool(tmp_path)
    assert not folder.exists()
    assert again.listing() == []
    assert last(again)["swept"] == 1
    again.publish(release, shards)
    assert again.read(release) == shards


def test_a_listing_without_its_release_is_marked_and_mended_by_admitting_it(held, tmp_path):
    _, release, shards = held
    shutil.rmtree(release_folder(tmp_path, release))
    again = Pool(tmp_path)
    assert [listing.state for listing in again.listing()] == ["damaged"]
    assert again.digests() == again.envelopes() == []
    assert last(again)["lost"] == 1
    with pytest.raises(PoolError, match="is damaged, not held"):
        again.open_shard(release.digest, 0)
    again.publish(release, shards)
    assert again.digests() == [release.digest]
    assert Pool(tmp_path).read(release) == shards


def test_what_a_living_writer_has_begun_is_left_alone(tmp_path):
    release, shards = released()
    pool = Pool(tmp_path)

    def source(position):
        assert Pool(tmp_path).listing() == []
        return [shards[position].data]

    pool.admit(release, source)
    assert Pool(tmp_path).read(release) == shards


def test_what_a_dead_writer_has_begun_is_swept(tmp_path):
    release, shards = released()
    Pool(tmp_path)
    release_folder(tmp_path, release).mkdir()
    (release_folder(tmp_path, release) / "00000.shard").write_bytes(shards[0].data)
    with Staging(tmp_path / "staging").work(release.digest):
        Pool(tmp_path)
        assert release_folder(tmp_path, release).exists()
    Pool(tmp_path)
    assert not release_folder(tmp_path, release).exists()


def test_opening_twice_finds_nothing_to_do(held, tmp_path):
    before = contents(tmp_path / "releases")
    for _ in range(2):
        assert last(Pool(tmp_path)) == {"index": "sound", "found": 0, "swept": 0, "lost": 0}
    assert contents(tmp_path / "releases") == before


def test_a_pool_of_another_site_is_not_opened(tmp_path):
    Pool(tmp_path, site="entity-a")
    Pool(tmp_path)
    Pool(tmp_path, site="entity-a")
    with pytest.raises(PoolError, match="wanted the audit log of entity-b"):
        Pool(tmp_path, site="entity-b")


def test_a_pool_whose_log_was_changed_is_not_opened(held, tmp_path):
    flip(tmp_path / "audit-log.jsonl")  # the end of the last line
    path = tmp_path / "audit-log.jsonl"
    path.write_bytes(path.read_bytes()[:-3] + b"x}\n")
    with pytest.raises(PoolError, match=r"last entry of .* was changed"):
        Pool(tmp_path)


def test_a_full_disk_is_an_output_error(held, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        Pool(tmp_path)
