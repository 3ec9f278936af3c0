import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.counted import counted
from dpm_flower.payload.shard import Shard


def read(sizes, samples):
    """Shards of so many bytes, each byte a sample -> what each reader was told is still to come, as they are given, and what was opened."""
    opened = list[int]()

    def shards():
        for size in sizes:
            opened.append(size)
            yield Shard("s", bytes(size))

    return counted(shards(), samples, lambda shard, left: (left, shard.data), lambda batch: len(batch[1])), opened


def test_batches_come_shard_by_shard_and_readers_know_what_is_left():
    batches, opened = read([3, 2, 1], 6)
    assert opened == []
    assert (next(batches)[0], opened) == (6, [3])
    assert [left for left, _ in batches] == [3, 1]


@pytest.mark.parametrize(
    ("sizes", "samples", "given", "opened", "said"),
    [
        ([], 6, 0, 0, "wanted 6 samples, at least one, got 0$"),
        ([], 0, 0, 0, "wanted 0 samples, at least one, got 0$"),
        ([3, 2], 6, 2, 2, "wanted 6 samples, at least one, got 5$"),
        ([3, 4, 5], 6, 1, 2, "wanted 6 samples, at least one, got 7 or more"),
        ([6, 1, 1], 6, 1, 2, "wanted 6 samples, at least one, got 7 or more"),
    ],
)
def test_other_numbers_are_refused_and_nothing_behind_them_is_opened(sizes, samples, given, opened, said):
    batches, seen = read(sizes, samples)
    for _ in range(given):
        next(batches)
    with pytest.raises(ReleaseError, match=said):
        next(batches)
    assert len(seen) == opened
