"""Shards -> what they hold, one after the other, and no more samples than their manifest says."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.shard import Shard

Batch = TypeVar("Batch")


def counted(shards: Iterable[Shard], samples: int, read: Callable[[Shard, int], Batch], size: Callable[[Batch], int]) -> Iterator[Batch]:
    """Shards -> what `read` makes of each, told how many samples are still to come; `size` says how many it holds. Memory holds one.

    Raises ReleaseError unless they are `samples` in all, at least one, when it comes to that: what goes beyond is not given, and no shard
    behind it is looked at.
    """
    came = 0
    for shard in shards:
        batch = read(shard, samples - came)
        if (came := came + size(batch)) > samples:
            break
        yield batch
    if came != samples or not came:
        raise ReleaseError(f"wanted {samples} samples, at least one, got {came}{' or more' if came > samples else ''}")
