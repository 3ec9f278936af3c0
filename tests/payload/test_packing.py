"""A packed shard is never larger, and what it stands for does not change."""

import torch

from dpm_flower.core.shared import SharedFeatures
from dpm_flower.payload.codec import encode
from dpm_flower.payload.compression import decompressed
from dpm_flower.payload.packing import packed
from dpm_flower.payload.shard import Shard


def test_features_with_zeros_are_packed_and_come_back():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(8, 4, 6, 6, generator=rng).relu()
    (shard,) = encode(SharedFeatures(features, torch.zeros(8, dtype=torch.int64)))
    small = packed(shard)
    assert (small.name, small.compression, small.content_bytes) == (shard.name, "zstd", shard.size_bytes)
    assert small.size_bytes < shard.size_bytes
    assert b"".join(decompressed([small.data], small.content_bytes)) == shard.data


def test_what_gets_no_smaller_stays_as_it_is():
    noise = Shard("noise", torch.randint(0, 256, (4096,), generator=torch.Generator().manual_seed(1), dtype=torch.uint8).numpy().tobytes())
    assert packed(noise) is noise
