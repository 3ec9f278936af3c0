"""Shards as streams: a file -> chunks, and chunks -> the same chunks, refused at the first sign that they are not the shard."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dpm_flower.core.errors import DpmFlowerError, PoolError
from dpm_flower.payload.shard import ShardEntry

CHUNK_BYTES = 1 << 20  # memory per open shard; larger reads are no faster


def file_chunks(path: Path, what: str, offset: int = 0) -> Iterator[bytes]:
    """A regular file -> its bytes from `offset` on, in chunks. Raises PoolError, naming `what`, where it is missing or no regular file.

    Links are not followed and nothing is waited for: the folder may be another entity's.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        raise PoolError(f"cannot read {what} at {path}: {err.strerror}") from err
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PoolError(f"{what} at {path} must be a regular file")
        os.lseek(descriptor, offset, os.SEEK_SET)
        while chunk := _read(descriptor, path, what):
            yield chunk
    finally:
        os.close(descriptor)


def checked(chunks: Iterable[bytes], entry: ShardEntry, refusal: type[DpmFlowerError], where: str) -> Iterator[bytes]:
    """Chunks from anywhere -> the same chunks; whoever has read them all has read the shard of this entry.

    Raises `refusal`, naming the shard and `where` it came from: as soon as there is more than the entry's size, at the end for less
    or for another digest. Holds one chunk at a time.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > entry.size_bytes:
            raise refusal(f"shard {entry.name} {where}: wanted {entry.size_bytes} bytes, got more")
        digest.update(chunk)
        yield chunk
    if size != entry.size_bytes:
        raise refusal(f"shard {entry.name} {where}: wanted {entry.size_bytes} bytes, got {size}")
    if digest.hexdigest() != entry.sha256:
        raise refusal(f"shard {entry.name} {where}: wanted SHA-256 {entry.sha256}, got {digest.hexdigest()}")


def _read(descriptor: int, path: Path, what: str) -> bytes:
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except OSError as err:
        raise PoolError(f"cannot read {what} at {path}: {err.strerror}") from err
