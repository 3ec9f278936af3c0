from dataclasses import replace

import pytest
import torch
import zstandard

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.boxed_codec import decode_boxed, encode_boxed, largest_boxed_shard
from dpm_flower.payload.codec import decode_each
from dpm_flower.payload.compression import CHUNK_BYTES
from dpm_flower.payload.confidential import seal
from dpm_flower.payload.content import content
from dpm_flower.payload.masked_codec import decode_masked, encode_masked, largest_masked_shard
from dpm_flower.payload.packing import packed
from dpm_flower.payload.released_spec import BoxedSpec
from dpm_flower.payload.shard import Shard, ShardEntry
from tests.payload.confidential_examples import BINDING, READER, RECIPIENTS, released
from tests.payload.examples import CLASSES, SPEC, expectation, features, manifest
from tests.payload.test_boxed_codec import BOXES
from tests.payload.test_boxed_codec import batch as boxed_batch
from tests.payload.test_masked_codec import MASKED
from tests.payload.test_masked_codec import batch as masked_batch
from tests.payload.unsigned import Unsigned

SIGNED = Unsigned()


def verified(one):
    return SIGNED.verify(SIGNED.seal(one), expectation(hpke=READER))


@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize("compress", [True, False])
def test_the_reader_gets_what_was_encoded(confidential, compress):
    one, stored, encoded = released(confidential=confidential, compress=compress, samples=40)
    assert len(stored) > 1
    assert {entry.compression for entry in one.shards} == ({"zstd"} if compress else {"none"})
    assert (stored == encoded) == (not confidential and not compress)
    came = list(content(verified(one), stored))
    assert [(shard.name, shard.data) for shard in came] == [(shard.name, shard.data) for shard in encoded]
    batches = list(decode_each(came, SPEC, classes=CLASSES, samples=40))
    assert torch.equal(torch.cat([batch.features for batch in batches]), features(40).features.half().float())


def test_one_shard_after_the_other():
    def stored_one_by_one():
        for shard in stored:
            asked.append(shard.name)
            yield shard

    one, stored, _ = released(samples=40)
    asked: list[str] = []
    for number, _ in enumerate(content(verified(one), stored_one_by_one()), 1):
        assert len(asked) == number


def test_shards_that_changed_places_do_not_open():
    one, stored, _ = released(samples=40)
    with pytest.raises(ReleaseError, match=r"shard features-00000\.safetensors: segment 0, the last, does not open"):
        next(content(verified(one), [stored[1], stored[0], *stored[2:]]))


def resealed(shards, **changes):
    """A manifest whose sender encrypted those shards, whatever is in them."""
    sealed = seal(shards, BINDING, RECIPIENTS)
    keys = {"encryption": "aes-256-gcm-segments", "key_commitment": sealed.key_commitment, "wrapped_keys": sealed.wrapped_keys}
    return manifest(shards=tuple(ShardEntry.of(shard) for shard in sealed.shards), **keys | changes), sealed.shards


BOMB = zstandard.compress(bytes(64 * CHUNK_BYTES))


@pytest.mark.parametrize(
    ("shard", "said"),
    [
        (Shard("s", BOMB, "zstd", 1 + len(BOMB)), "shard s: wanted .* bytes after decompression, got more"),
        (Shard("s", b"garbage", "zstd", 900), "shard s: wanted content compressed with Zstandard"),
        (Shard("s", BOMB, "zstd", 64 * CHUNK_BYTES), "shard s: 200 samples take at most 11712 bytes, got 67108864"),
    ],
)
@pytest.mark.parametrize("confidential", [True, False])
def test_content_that_is_not_as_large_as_it_should_be_is_refused(shard, said, confidential):
    if confidential:
        one, stored = resealed([shard], samples=200)
    else:
        one, stored = manifest(samples=200, shards=(ShardEntry.of(shard),)), [shard]
    with pytest.raises(ReleaseError, match=said):
        list(content(verified(one), stored))


def test_the_largest_content_that_the_samples_allow_is_read():
    most = 10 * (4 * 3 * 2 * 2 + 8) + 512
    one = manifest(shards=(ShardEntry("s", "0" * 64, most),))
    assert next(content(verified(one), [Shard("s", bytes(most))])).size_bytes == most
    above = replace(one, shards=(ShardEntry("s", "0" * 64, most + 1),))
    with pytest.raises(ReleaseError, match=f"10 samples take at most {most} bytes, got {most + 1}"):
        next(content(verified(above), [Shard("s", bytes(most + 1))]))


@pytest.mark.parametrize("confidential", [True, False])
def test_features_with_boxes_travel_as_all_others_do(confidential):
    """Encrypted, compressed, signed, verified and opened by the same code; a shard that is larger than its samples can be is refused."""
    spec = BoxedSpec(features=SPEC, size=BOXES.size)
    gone = boxed_batch(3)
    encoded = encode_boxed(gone, spec, classes=CLASSES, max_shard_bytes=700)
    one, stored = (
        resealed([packed(shard) for shard in encoded], spec=spec, samples=3)
        if confidential
        else (manifest(spec=spec, samples=3, shards=tuple(ShardEntry.of(shard) for shard in encoded)), encoded)
    )
    release = SIGNED.verify(SIGNED.seal(one), expectation(hpke=READER, spec=spec))
    came = decode_boxed(content(release, stored), spec, classes=CLASSES, samples=3)
    assert torch.equal(came.features, gone.features.half().float())
    assert all(torch.equal(some, others) for some, others in zip(came.boxes, gone.boxes, strict=True))
    many = largest_boxed_shard(spec, 3) + 1
    one = manifest(spec=spec, samples=3, shards=(ShardEntry("s", "0" * 64, many),))
    release = SIGNED.verify(SIGNED.seal(one), expectation(spec=spec, max_bytes=many))
    with pytest.raises(ReleaseError, match="3 samples take at most"):
        next(content(release, [Shard("s", b"x")]))


@pytest.mark.parametrize("confidential", [True, False])
def test_photographs_with_masks_travel_as_all_others_do(confidential):
    gone = masked_batch(30)
    encoded = encode_masked(gone, MASKED, max_shard_bytes=2000)
    shards = [packed(shard) for shard in encoded]
    assert len(shards) > 1
    one, stored = (
        resealed(shards, spec=MASKED, samples=30)
        if confidential
        else (manifest(spec=MASKED, samples=30, shards=tuple(ShardEntry.of(shard) for shard in shards)), shards)
    )
    release = SIGNED.verify(SIGNED.seal(one), expectation(hpke=READER, spec=MASKED))
    came = decode_masked(content(release, stored), MASKED, samples=30)
    assert torch.equal(came.images, gone.images)
    assert torch.equal(came.masks, gone.masks)
    many = largest_masked_shard(MASKED, 3) + 1
    one = manifest(spec=MASKED, samples=3, shards=(ShardEntry("s", "0" * 64, many),))
    release = SIGNED.verify(SIGNED.seal(one), expectation(spec=MASKED, max_bytes=many))
    with pytest.raises(ReleaseError, match="3 samples take at most"):
        next(content(release, [Shard("s", b"x")]))
