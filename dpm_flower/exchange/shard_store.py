"""The contract of whatever holds a pool's shards: a folder, or object storage."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol


class ShardStore(Protocol):
    """Shards by their release's digest and their place in its manifest. Decides nothing: whether a release is there, its pool says.

    Every verb but `put` and `adopt` raises PoolError where the shard is missing or cannot be read; those raise OutputError or an
    OSError where it cannot be written. For one writer per release at a time, and any number of readers.
    """

    def put(self, release: str, position: int, chunks: Iterable[bytes]) -> None:
        """Chunks -> the shard, kept for good when this returns, in the place of one that was there. What `chunks` raises comes through."""
        ...

    def adopt(self, release: str, position: int, source: Path) -> bool:
        """Takes a file as the shard without copying it, if this store can: whether it did. The file's bytes are not looked at."""
        ...

    def open(self, release: str, position: int, offset: int = 0) -> Iterator[bytes]:
        """The shard's bytes from `offset` on, in chunks of no more than a MiB."""
        ...

    def size(self, release: str, position: int) -> int:
        """The shard's size in bytes, as it lies here."""
        ...

    def delete(self, release: str) -> None:
        """Removes all shards of the release; none there is no error. Raises OutputError or an OSError where that fails."""
        ...
