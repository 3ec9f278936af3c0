import pytest

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange import stored
from dpm_flower.exchange.folder_store import FolderStore
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES
from tests.exchange.examples import DAMAGES, release_folder, released


@pytest.fixture
def held(tmp_path):
    release, shards = released()
    Pool(tmp_path).publish(release, shards)
    return FolderStore(tmp_path), release, shards


def test_what_lies_there_is_read_back(held, tmp_path):
    store, release, shards = held
    assert stored.envelope_bytes(tmp_path, release.digest) == release.envelope.to_bytes()
    assert stored.envelope(tmp_path, release.digest) == release.envelope
    stored.check(store, release.digest, release.manifest.shards, "here")
    for position, (entry, shard) in enumerate(zip(release.manifest.shards, shards, strict=True)):
        assert b"".join(stored.shard(store, release.digest, position, entry, "here")) == shard.data
    assert stored.has_sizes(store, release.digest, release.manifest.shards)


@pytest.mark.parametrize("refusal", [PoolError, ReleaseError])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_refused_by_its_name_with_the_error_asked_for(held, tmp_path, damage, refusal):
    store, release, _ = held
    DAMAGES[damage](release_folder(tmp_path, release) / "00001.shard")
    with pytest.raises(refusal, match=r"shard features-00001\.safetensors here"):
        list(stored.shard(store, release.digest, 1, release.manifest.shards[1], "here", refusal))
    with pytest.raises(PoolError, match="features-00001"):
        stored.check(store, release.digest, release.manifest.shards, "here")
    assert stored.has_sizes(store, release.digest, release.manifest.shards) == (damage == "flipped")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_envelope_is_refused(held, tmp_path, damage):
    _, release, _ = held
    damage(release_folder(tmp_path, release) / "envelope.json")
    with pytest.raises(PoolError, match=f"the envelope of release {release.digest}"):
        stored.envelope(tmp_path, release.digest)


def test_an_envelope_without_end_is_not_read_to_it(held, tmp_path):
    _, release, _ = held
    with (release_folder(tmp_path, release) / "envelope.json").open("r+b") as file:
        file.truncate(1 << 40)
    assert MAX_ENVELOPE_BYTES < 1 << 40
    with pytest.raises(PoolError, match="its digest is another"):
        stored.envelope_bytes(tmp_path, release.digest)
