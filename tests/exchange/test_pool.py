import os
import shutil
import subprocess
import sys

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import decode
from dpm_flower.payload.shard import Shard
from tests.exchange.examples import DAMAGES, contents, release_folder, released
from tests.payload.examples import CLASSES, SPEC, features


def kept(folder):
    """What lies in a pool of releases, whole or not: all but its index, which may change in bytes, and its log, which grows."""
    return {name: data for name, data in contents(folder).items() if name.startswith(("releases/", "staging/", "tombstones/"))}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pool"


def test_what_is_published_is_read_back(folder):
    release, shards = released()
    assert Pool(folder).publish(release, shards) == release.digest
    pool = Pool(folder)
    assert pool.read(release) == shards
    assert pool.digests() == [release.digest]
    assert pool.envelopes() == [release.envelope]
    batch = decode(pool.read(release), SPEC, classes=CLASSES, samples=10)
    assert batch.labels.equal(features(10, seed=5).labels)


def test_shards_are_read_one_after_the_other(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    coming = pool.shards(release)
    assert next(coming) == shards[0]
    for path in release_folder(folder, release).glob("*.shard"):
        path.unlink()
    with pytest.raises(PoolError, match="features-00001"):
        next(coming)


def test_a_release_lies_under_the_digest_of_its_envelope(folder):
    release, shards = released()
    Pool(folder).publish(release, shards)
    files = contents(folder / "releases")
    assert files.pop(f"{release.digest}/envelope.json") == release.envelope.to_bytes()
    assert files == {f"{release.digest}/{n:05d}.shard": shard.data for n, shard in enumerate(shards)}
    assert len(shards) > 1


def test_the_same_again_changes_nothing(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "releases").rglob("*")}
    pool.publish(release, shards)
    Pool(folder).admit(release, lambda position: pytest.fail("asked for a shard that is here"))
    assert {path: path.stat().st_mtime_ns for path in (folder / "releases").rglob("*")} == stamps


def test_envelopes_come_in_the_order_of_their_digests(folder):
    pool = Pool(folder)
    made = [released(sequence) for sequence in range(4)]
    for release, shards in made:
        pool.publish(release, shards)
    (folder / "releases" / ".DS_Store").touch()
    assert [one.digest for one in pool.envelopes()] == sorted(release.digest for release, _ in made) == pool.digests()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda shards: shards[:-1], "wanted the shards"),
        (lambda shards: shards[::-1], "wanted the shards"),
        (lambda shards: [Shard(shard.name, shard.data[:-1]) for shard in shards], "wanted .* bytes, got"),
        (lambda shards: [Shard(shard.name, shard.data + b"x") for shard in shards], "wanted .* bytes, got"),
        (lambda shards: [Shard(shard.name, bytes(len(shard.data))) for shard in shards], "wanted SHA-256"),
    ],
)
def test_shards_that_are_not_the_manifests_leave_no_trace(folder, change, said):
    release, shards = released()
    pool = Pool(folder)
    before = kept(folder)
    with pytest.raises(ReleaseError, match=said):
        pool.publish(release, change(shards))
    assert kept(folder) == before
    assert pool.digests() == []


def test_what_the_source_raises_comes_through_and_leaves_no_trace(folder):
    def broken(position):
        yield b"x"
        raise ReleaseError("the line broke")

    release, _ = released()
    pool = Pool(folder)
    before = kept(folder)
    with pytest.raises(ReleaseError, match="the line broke"):
        pool.admit(release, broken)
    assert kept(folder) == before


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_shard_is_named_and_publishing_again_mends_it(folder, damage):
    release, shards = released()
    other, other_shards = released(sequence=6)
    pool = Pool(folder)
    pool.publish(release, shards)
    pool.publish(other, other_shards)
    damage(release_folder(folder, release) / "00001.shard")
    for look in (pool.read, pool.check):
        with pytest.raises(PoolError, match=rf"features-00001.*{release.digest}"):
            look(release)
    assert pool.read(other) == other_shards
    pool.publish(release, shards)
    assert pool.read(release) == shards
    assert len([name for name in kept(folder) if not name.endswith(".away")]) == 2 * (len(shards) + 1) + 1


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_envelope_is_named_and_publishing_again_mends_it(folder, damage):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    damage(release_folder(folder, release) / "envelope.json")
    for look in (pool.envelopes, lambda: pool.check(release)):
        with pytest.raises(PoolError, match=f"the envelope of release {release.digest}"):
            look()
    pool.publish(release, shards)
    assert pool.envelopes() == [release.envelope]


def test_a_release_that_is_not_here_is_named(folder):
    release, _ = released()
    with pytest.raises(PoolError, match=f"features-00000.*{release.digest}"):
        Pool(folder).read(release)
    with pytest.raises(PoolError, match=f"the envelope of release {release.digest}"):
        Pool(folder).envelope(release.digest)


@pytest.mark.parametrize("digest", ["..", "../../secret", "/etc/passwd", "", "a" * 64 + "/x"])
def test_no_name_from_outside_becomes_a_path(folder, digest):
    with pytest.raises(ReleaseError, match="SHA-256"):
        Pool(folder).envelope(digest)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write the pool"):
        Pool(tmp_path / "file" / "pool")


def test_a_disk_that_fails_while_writing_is_an_output_error_and_leaves_no_trace(folder, monkeypatch):
    release, shards = released()
    pool = Pool(folder)
    before = kept(folder)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=f"cannot write release {release.digest}.*No space left"):
        pool.publish(release, shards)
    assert kept(folder) == before


def test_a_pool_that_was_removed_cannot_be_listed(folder):
    pool = Pool(folder)
    shutil.rmtree(folder)
    with pytest.raises(PoolError, match="cannot list"):
        pool.digests()


def test_pool_and_exchange_start_without_torch():
    code = "import dpm_flower.exchange.local, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_listed_is_what_the_manifests_say(folder):
    pool = Pool(folder, clock=lambda: 1234.5)
    made = [released(sequence) for sequence in range(3)]
    for release, shards in made:
        pool.publish(release, shards)
    for listing in pool.listing():
        (manifest,) = [release.manifest for release, _ in made if release.digest == listing.digest]
        for name in ("sender", "campaign", "sequence", "round", "method", "samples", "size_bytes", "made_at", "expires_at", "recipients"):
            assert getattr(listing, name) == getattr(manifest, name)
        assert (listing.state, listing.admitted_at) == ("held", 1234)
        assert pool.find(listing.digest) == listing
    assert pool.listing("c-0123") == pool.listing()
    assert pool.listing("another") == []


def test_a_shard_is_served_from_any_place_on(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    for position, shard in enumerate(shards):
        size = pool.shard_size(release.digest, position)
        assert size == len(shard.data)
        for offset in (0, 1, size - 1, size):
            assert b"".join(pool.open_shard(release.digest, position, offset)) == shard.data[offset:]


def test_what_cannot_be_served_is_refused_before_anything_is_sent(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    size = len(shards[0].data)
    for offset in (-1, size + 1):
        with pytest.raises(PoolError, match=f"wanted an offset from 0 to {size} into shard 0 .* got {offset}"):
            pool.open_shard(release.digest, 0, offset)
    with pytest.raises(PoolError, match="cannot read shard 2"):
        pool.open_shard(release.digest, len(shards))
    with pytest.raises(ReleaseError, match="a shard's position"):
        pool.open_shard(release.digest, -1)
    with pytest.raises(PoolError, match="has no release"):
        pool.shard_size("0" * 64, 0)
    with pytest.raises(ReleaseError, match="SHA-256"):
        pool.open_shard("../x", 0)
    (release_folder(folder, release) / "00000.shard").unlink()
    (release_folder(folder, release) / "00000.shard").symlink_to("/etc/passwd")
    with pytest.raises(PoolError, match="must be a regular file"):
        pool.open_shard(release.digest, 0)


def test_a_release_is_verified_without_its_reader(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    assert pool.verify(release.digest) == pool.claim(release.digest)
    assert [entry.sha256 for entry in pool.claim(release.digest).shards] == [shard.digest for shard in shards]
    DAMAGES["flipped"](release_folder(folder, release) / "00001.shard")
    pool.claim(release.digest)
    with pytest.raises(PoolError, match=rf"features-00001.*{release.digest}"):
        pool.verify(release.digest)
    with pytest.raises(PoolError, match="has no release"):
        pool.verify("0" * 64)


def test_shards_come_back_as_they_were_stored(folder):
    release, shards = released()
    pool = Pool(folder)
    pool.publish(release, shards)
    assert [(shard.compression, shard.content_bytes) for shard in pool.shards(release)] == [
        (entry.compression, entry.content_bytes) for entry in release.manifest.shards
    ]
