"""A release as one file, for sites without a line between them: a pool's release -> a tar archive, and back into another pool.

One release has one file: the envelope, then the shards in the manifest's order, each member with the one header that we write. A reader
compares instead of parsing, so that no name, link or order of somebody else's choosing means anything.
"""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.exchange import layout
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.stream import CHUNK_BYTES, checked
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES, Envelope
from dpm_flower.payload.verified import AuthenticRelease

SUFFIX = ".dpm-release"

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)


def write_release(pool: Pool, digest: str, path: Path) -> None:
    """A pool and the digest of a release that it holds -> its file at `path`, whole or not at all.

    Raises PoolError for a release that is not held or is damaged, OutputError where the file cannot be written.
    """
    claim, envelope = pool.claim(digest), pool.envelope(digest).to_bytes()
    with whole_file(path) as partial, partial.open("xb") as file:
        file.write(_header(digest, layout.ENVELOPE, len(envelope)) + envelope + _padding(len(envelope)))
        for position, entry in enumerate(claim.shards):
            file.write(_header(digest, layout.shard_name(position), entry.size_bytes))
            for chunk in checked(pool.open_shard(digest, position), entry, PoolError, f"of release {digest}"):
                file.write(chunk)
            file.write(_padding(entry.size_bytes))
        file.write(_END)


def read_release(pool: Pool, path: Path, authenticate: Callable[[Envelope], AuthenticRelease]) -> str:
    """A release's file and who judges its envelope -> the release's digest, once all of it is in the pool.

    Memory holds the envelope and one chunk. Raises ReleaseError for a file that is not exactly a release's, and what `authenticate`
    and Pool.admit raise.
    """
    with _opened(path) as file:
        data = _envelope(file, path)
        release = authenticate(Envelope.from_bytes(data))
        places = _places(file, path, release, len(data))
        sizes = [entry.size_bytes for entry in release.manifest.shards]
        return pool.admit(release, lambda position: _span(file, path, places[position], sizes[position]))


def _envelope(file: int, path: Path) -> bytes:
    """The first member, which must be an envelope under its own digest."""
    header = _exactly(file, path, 0, _BLOCK)
    try:
        size = tarfile.TarInfo.frombuf(header, "ascii", "strict").size
    except (tarfile.HeaderError, ValueError) as err:
        raise ReleaseError(f"{path} is no release's file: it begins with no member: {err}") from err
    if not 0 < size <= MAX_ENVELOPE_BYTES:
        raise ReleaseError(f"{path} is no release's file: an envelope may take {MAX_ENVELOPE_BYTES} bytes, got {size}")
    data = _exactly(file, path, _BLOCK, size)
    if header != _header(sha256(data).hexdigest(), layout.ENVELOPE, size):
        raise ReleaseError(f"{path} is no release's file: wanted {layout.ENVELOPE} under its own digest first")
    return data


def _places(file: int, path: Path, release: AuthenticRelease, envelope_bytes: int) -> list[int]:
    """Where each shard begins. Everything around the shards is compared with what it must be before any of them is read."""
    at, places = _BLOCK, []
    between = [(_header(release.digest, layout.shard_name(n), e.size_bytes), e.size_bytes) for n, e in enumerate(release.manifest.shards)]
    size = envelope_bytes
    for number, (wanted, next_size) in enumerate([*between, (_END, 0)]):
        at += size
        if _exactly(file, path, at, len(_padding(size) + wanted)) != _padding(size) + wanted:
            what = f"member {layout.shard_name(number)} of {next_size} bytes" if next_size else "the end"
            raise ReleaseError(f"{path} is not the file of release {release.digest}: wanted {what} at byte {at}")
        at += len(_padding(size) + wanted)
        places.append(at)
        size = next_size
    if (came := os.fstat(file).st_size) != at:
        raise ReleaseError(f"{path} is not the file of release {release.digest}: wanted {at} bytes, got {came}")
    return places


def _header(digest: str, name: str, size: int) -> bytes:
    member = tarfile.TarInfo(f"{digest}/{name}")
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        raise ReleaseError(f"cannot read {path}: {err.strerror}") from err
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReleaseError(f"{path} must be a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _exactly(file: int, path: Path, start: int, size: int) -> bytes:
    data = b"".join(_span(file, path, start, size))
    if len(data) != size:
        raise ReleaseError(f"{path} is cut off: wanted {size} bytes from byte {start} on, got {len(data)}")
    return data


def _span(file: int, path: Path, start: int, size: int) -> Iterator[bytes]:
    """`size` bytes from `start` on, in chunks; fewer where the file ends."""
    try:
        while size and (chunk := os.pread(file, min(size, CHUNK_BYTES), start)):
            start, size = start + len(chunk), size - len(chunk)
            yield chunk
    except OSError as err:
        raise ReleaseError(f"cannot read {path}: {err.strerror}") from err
