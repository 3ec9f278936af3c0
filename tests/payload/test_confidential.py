import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.binding import Binding
from dpm_flower.payload.confidential import commitment, new_key, open_shard, seal, seal_shards
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.segments import ciphertext_size
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.wrapping import unwrap

OF = Binding(sender="entity-b", campaign="c-0123", sequence=5)
SHARDS = [Shard("a", b"first" * 99), Shard("b", b"second" * 99, "zstd", 12345)]
A = HpkeKeys.generate()


def opened(shard, key, position, of=OF):
    return b"".join(open_shard([shard.data], key, of, position))


def test_a_recipient_opens_what_was_sealed_and_the_manifest_can_say_so():
    sealed = seal(SHARDS, OF, {"entity-a": A.public})
    key = unwrap(sealed.wrapped_keys["entity-a"], A.private, OF, "entity-a")
    assert commitment(key) == sealed.key_commitment
    assert [opened(shard, key, position) for position, shard in enumerate(sealed.shards)] == [shard.data for shard in SHARDS]
    entries = [ShardEntry.of(shard) for shard in sealed.shards]
    assert [(entry.name, entry.compression, entry.content_bytes) for entry in entries] == [("a", "none", 495), ("b", "zstd", 12345)]
    assert [entry.size_bytes for entry in entries] == [ciphertext_size(len(shard.data)) for shard in SHARDS]


def test_each_sealing_has_a_key_and_a_ciphertext_of_its_own():
    first, second = (seal(SHARDS, OF, {"entity-a": A.public}) for _ in range(2))
    assert first.key_commitment != second.key_commitment
    assert first.shards[0].digest != second.shards[0].digest
    assert new_key() != new_key()


def test_a_shard_opens_at_its_place_of_its_release_only():
    key = new_key()
    first, second = seal_shards(SHARDS, key, OF)
    other = Binding(sender="entity-b", campaign="c-0123", sequence=6)
    for shard, position, of in ((first, 1, OF), (second, 0, OF), (first, 0, other)):
        with pytest.raises(ReleaseError, match="does not open with this key at this place of this release"):
            opened(shard, key, position, of)


def test_no_two_keys_have_one_commitment_and_it_shows_no_key():
    keys = [bytes(31) + bytes([n]) for n in range(50)]
    found = {commitment(key) for key in keys}
    assert len(found) == 50
    assert not found & {key.hex() for key in keys}
    assert commitment(keys[0]) == commitment(bytes(32))
