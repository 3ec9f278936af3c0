import hashlib

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard, ShardEntry


def test_digest_and_size_follow_from_the_data():
    shard = Shard("a", b"some bytes")
    assert (shard.digest, shard.size_bytes) == (hashlib.sha256(b"some bytes").hexdigest(), 10)
    assert ShardEntry.of(shard) == ShardEntry("a", shard.digest, 10)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("../a", "0" * 64, 1), "a shard's name"),
        (("a\0", "0" * 64, 1), "a shard's name"),
        (("a", "0" * 63, 1), "the digest of shard a"),
        (("a", "0" * 64, -1), "the size of shard a"),
        (("a", "0" * 64, 0), "the size of shard a"),
        (("a", "0" * 64, MAX_SHARD_BYTES + 1), "the size of shard a"),
    ],
)
def test_impossible_entries_are_refused(entry, said):
    with pytest.raises(ReleaseError, match=said):
        ShardEntry(*entry)
