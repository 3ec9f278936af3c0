import hashlib
from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard, ShardEntry


def test_digest_and_size_follow_from_the_data():
    shard = Shard("a", b"some bytes")
    assert (shard.digest, shard.size_bytes) == (hashlib.sha256(b"some bytes").hexdigest(), 10)
    assert ShardEntry.of(shard) == ShardEntry("a", shard.digest, 10, "none", 10)


def test_what_is_stored_compressed_says_how_large_its_content_is():
    shard = Shard("a", b"some bytes", "zstd", 4000)
    assert ShardEntry.of(shard) == ShardEntry("a", shard.digest, 10, "zstd", 4000)
    assert replace(shard, data=b"others").digest == hashlib.sha256(b"others").hexdigest()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("../a", "0" * 64, 1), "a shard's name"),
        (("a\0", "0" * 64, 1), "a shard's name"),
        (("a", "0" * 63, 1), "the digest of shard a"),
        (("a", "0" * 64, -1), "the size of shard a"),
        (("a", "0" * 64, 0), "the size of shard a"),
        (("a", "0" * 64, MAX_SHARD_BYTES + 1), "the size of shard a"),
        (("a", "0" * 64, 1, "zstd", MAX_SHARD_BYTES + 1), "the content size of shard a"),
        (("a", "0" * 64, 1, "zstd", -1), "the content size of shard a"),
        (("a", "0" * 64, 1, "gzip", 9), "must be none or zstd, got 'gzip'"),
    ],
)
def test_impossible_entries_are_refused(entry, said):
    with pytest.raises(ReleaseError, match=said):
        ShardEntry(*entry)
