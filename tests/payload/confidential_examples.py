"""Releases of `entity-b` with several shards, open or confidential, compressed or not, as their manifest and stored shards."""

from dpm_flower.payload.binding import Binding
from dpm_flower.payload.codec import encode
from dpm_flower.payload.confidential import seal
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.packing import packed
from dpm_flower.payload.shard import ShardEntry
from tests.payload.examples import features, manifest

READER, OTHER = HpkeKeys.generate(), HpkeKeys.generate()  # of entity-a and entity-c
BINDING = Binding(sender="entity-b", campaign="c-0123", sequence=5)
RECIPIENTS = {"entity-a": READER.public, "entity-c": OTHER.public}


def released(*, confidential=True, compress=True, samples=10, **changes):
    """-> (manifest, stored shards, the shards that they stand for)."""
    content = encode(features(samples), max_shard_bytes=900)
    stored = [packed(shard) for shard in content] if compress else content
    if confidential:
        sealed = seal(stored, BINDING, RECIPIENTS)
        stored = sealed.shards
        changes = {
            "encryption": "aes-256-gcm-segments",
            "key_commitment": sealed.key_commitment,
            "wrapped_keys": sealed.wrapped_keys,
        } | changes
    changes = {"samples": samples, "shards": tuple(ShardEntry.of(shard) for shard in stored)} | changes
    return manifest(**changes), stored, content
