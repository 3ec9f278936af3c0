from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.shared import SharedMasks
from dpm_flower.payload.codec import HEADER_BYTES
from dpm_flower.payload.masked_codec import decode_masked, decode_masked_each, encode_masked, largest_masked_shard
from dpm_flower.payload.released_spec import MaskedSpec
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard

MASKED = MaskedSpec(shape=(3, 6, 5))
PAIR_BYTES = 4 * 6 * 5


def batch(pairs=5, seed=0):
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (pairs, 3, 6, 5), dtype=torch.uint8, generator=rng)
    return SharedMasks(images, torch.randint(0, 2, (pairs, 1, 6, 5), dtype=torch.uint8, generator=rng))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5))
def test_photographs_and_masks_come_back_in_bounded_shards(pairs, per_shard):
    gone, limit = batch(pairs), per_shard * PAIR_BYTES + HEADER_BYTES
    shards = encode_masked(gone, MASKED, max_shard_bytes=limit)
    came = decode_masked(shards, MASKED, samples=pairs)
    assert torch.equal(came.images, gone.images)
    assert torch.equal(came.masks, gone.masks)
    assert max(shard.size_bytes for shard in shards) <= limit
    assert all(shard.size_bytes <= largest_masked_shard(MASKED, per_shard) for shard in shards)
    assert len({shard.name for shard in shards}) == len(shards) == -(-pairs // per_shard)
    assert encode_masked(gone, MASKED, max_shard_bytes=limit) == shards
    each = list(decode_masked_each(iter(shards), MASKED, samples=pairs))
    assert (len(each), sum(len(one.images) for one in each)) == (len(shards), pairs)


def test_photographs_as_floats_leave_as_bytes():
    gone = batch(2)
    shards = encode_masked(replace(gone, images=gone.images.float() / 255), MASKED)
    assert shards == encode_masked(gone, MASKED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": torch.full((2, 3, 6, 5), 1.5)}, r"images must lie in \[0, 1\]"),
        ({"images": torch.zeros(2, 3, 5, 6, dtype=torch.uint8)}, r"wanted photographs of shape \(3, 6, 5\), got \(3, 5, 6\)"),
        ({"images": torch.zeros(0, 3, 6, 5, dtype=torch.uint8)}, "at least one sample"),
        ({"masks": torch.zeros(1, 1, 6, 5, dtype=torch.uint8)}, r"wanted uint8 masks of shape \(2, 1, 6, 5\), got .*\(1, 1, 6, 5\)"),
        ({"masks": torch.zeros(2, 6, 5, dtype=torch.uint8)}, "wanted uint8 masks of shape"),
        ({"masks": torch.zeros(2, 1, 6, 5)}, "wanted uint8 masks of shape .*, got torch.float32"),
        ({"masks": torch.full((2, 1, 6, 5), 2, dtype=torch.uint8)}, "masks must have values of 0 and 1, got up to 2"),
    ],
)
def test_what_cannot_be_released_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        encode_masked(replace(batch(2), **changes), MASKED)


@pytest.mark.parametrize("limit", [HEADER_BYTES + PAIR_BYTES - 1, MAX_SHARD_BYTES + 1])
def test_a_shard_that_cannot_hold_a_pair_or_that_no_reader_takes_is_refused(limit):
    with pytest.raises(SettingError, match="one pair"):
        encode_masked(batch(2), MASKED, max_shard_bytes=limit)


GOOD = {"images": torch.zeros(2, 3, 6, 5, dtype=torch.uint8), "masks": torch.ones(2, 1, 6, 5, dtype=torch.uint8)}


def shard(**changes):
    return [Shard("s", save({name: value for name, value in (GOOD | changes).items() if value is not None}))]


def test_a_shard_of_those_arrays_is_read():
    assert bool(decode_masked(shard(), MASKED, samples=2).masks.all())


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "wanted 2 samples, at least one, got 0"),
        ([Shard("s", b"\x80\x04pickle" * 9)], "not safetensors"),
        ([Shard("s", shard()[0].data[:-1])], "not safetensors"),
        (shard(masks=None), "must hold images, masks"),
        (shard(labels=torch.zeros(2)), "must hold images, masks"),
        (shard(images=GOOD["images"].float()), "images in shard s must be U8, got F32"),
        (shard(masks=GOOD["masks"].bool()), "masks in shard s must be U8, got BOOL"),
        (shard(images=GOOD["images"].flatten(1)), r"images in shard s must have shape \(n, \*\(3, 6, 5\)\)"),
        (shard(masks=GOOD["masks"][:, 0]), r"masks in shard s must have shape \(n, \*\(1, 6, 5\)\)"),
        (shard(masks=torch.tensor(1, dtype=torch.uint8)), "masks in shard s must have shape"),
        (shard(masks=GOOD["masks"][:1]), "must have a mask for each photograph, at least one, got 2 photographs and 1 masks"),
        (shard(images=GOOD["images"][:0], masks=GOOD["masks"][:0]), "at least one, got 0 photographs"),
        (shard(masks=GOOD["masks"] * 255), "masks in shard s must have values of 0 and 1, got up to 255"),
        (shard() + shard(), "wanted 2 samples, at least one, got 4 or more"),
    ],
)
def test_damaged_shards_are_refused(shards, said):
    with pytest.raises(ReleaseError, match=said):
        decode_masked(shards, MASKED, samples=2)
