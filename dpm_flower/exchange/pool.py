"""The pool: the verified releases that one entity holds, its own and its peers', each whole or not there at all."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange import layout
from dpm_flower.exchange.staging import Staging
from dpm_flower.exchange.stream import checked, file_chunks
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES, Envelope
from dpm_flower.payload.rules import SHA256, shown
from dpm_flower.payload.shard import Shard
from dpm_flower.payload.verified import VerifiedRelease

Source: TypeAlias = Callable[[int], Iterable[bytes]]  # a shard's place in the manifest -> its bytes in chunks
Files: TypeAlias = Callable[[int], Path]  # a shard's place in the manifest -> the file that holds it, maybe on the same disk


class Pool:
    """A folder of releases, each under the digest of its envelope. Several processes may write into one pool.

    Opening makes the folder and removes what writers that died have left. Raises OutputError if it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            (folder / layout.RELEASES).mkdir(parents=True, exist_ok=True)
            self._staging = Staging(folder / layout.STAGING)
            self._staging.sweep()
        except OSError as err:
            raise OutputError(f"cannot write the pool {folder}: {err}") from err

    def publish(self, release: VerifiedRelease, shards: Sequence[Shard]) -> str:
        """A verified release and its shards, in the manifest's order -> the release's digest. Raises as `admit` does."""
        wanted, came = [entry.name for entry in release.manifest.shards], [shard.name for shard in shards]
        if wanted != came:
            raise ReleaseError(f"wanted the shards {shown(wanted)}, got {shown(came)}")
        return self.admit(release, lambda position: [shards[position].data])

    def admit(self, release: VerifiedRelease, source: Source, files: Files | None = None) -> str:
        """A verified release and where its shards come from -> its digest, once all of it is on the disk.

        The same release again changes nothing; one that was damaged here is replaced. Shards are verified while they stream.
        With `files`, shards that lie on the same disk are linked and verified, and take no room of their own.
        Raises ReleaseError for shards that are not the manifest's, OutputError if they cannot be written, and what `source` raises
        (an OSError must not come out of it: that would read as our own disk's); none leaves a trace.
        """
        digest = release.digest
        if self._is_whole(release):
            return digest
        try:
            with self._staging.work() as work:
                self._write(work / "new", release, source, files)
                self._reveal(work, release)
        except OSError as err:
            raise OutputError(f"cannot write release {digest} into {self._folder}: {err}") from err
        return digest

    def digests(self) -> list[str]:
        """The digests of all releases here, sorted. What is named otherwise was not put here by a pool."""
        try:
            return sorted(path.name for path in (self._folder / layout.RELEASES).iterdir() if SHA256.fullmatch(path.name))
        except OSError as err:
            raise PoolError(f"cannot list the pool {self._folder}: {err}") from err

    def envelope(self, digest: str) -> Envelope:
        """A release's digest -> its envelope, a claim again after lying on a disk. Raises PoolError if it is missing or damaged."""
        data = self._envelope_bytes(digest)
        try:
            return Envelope.from_bytes(data)
        except ReleaseError as err:
            raise PoolError(f"release {digest} in {self._folder} has no envelope: {err}") from err

    def envelopes(self) -> list[Envelope]:
        """The envelopes of all releases here, in the order of their digests. Raises PoolError at the first that is damaged."""
        return [self.envelope(digest) for digest in self.digests()]

    def shards(self, release: VerifiedRelease) -> Iterator[Shard]:
        """A verified release -> its shards in the manifest's order, one after the other, each read when it is asked for.

        Raises PoolError naming release and shard at the first that is damaged.
        """
        for position, entry in enumerate(release.manifest.shards):
            yield Shard(entry.name, b"".join(self._chunks(release, position)))

    def read(self, release: VerifiedRelease) -> list[Shard]:
        """As `shards`, all at once."""
        return list(self.shards(release))

    def check(self, release: VerifiedRelease) -> None:
        """Raises PoolError unless the release is here, every byte of it; reads it all and keeps one chunk in memory."""
        self._envelope_bytes(release.digest)
        for position in range(len(release.manifest.shards)):
            for _ in self._chunks(release, position):
                pass

    def _envelope_bytes(self, digest: str) -> bytes:
        data = b""
        for chunk in file_chunks(layout.release_folder(self._folder, digest) / layout.ENVELOPE, f"the envelope of release {digest}"):
            data += chunk
            if len(data) > MAX_ENVELOPE_BYTES:
                break
        if hashlib.sha256(data).hexdigest() != digest:
            raise PoolError(f"the envelope of release {digest} in {self._folder} is damaged: its digest is another")
        return data

    def _chunks(self, release: VerifiedRelease, position: int) -> Iterable[bytes]:
        path = layout.release_folder(self._folder, release.digest) / layout.shard_name(position)
        entry, where = release.manifest.shards[position], f"of release {release.digest} in {self._folder}"
        return checked(file_chunks(path, f"shard {entry.name} {where}"), entry, PoolError, where)

    def _is_whole(self, release: VerifiedRelease) -> bool:
        try:
            self.check(release)
        except PoolError:
            return False
        return True

    def _write(self, folder: Path, release: VerifiedRelease, source: Source, files: Files | None) -> None:
        folder.mkdir()
        where = f"of release {release.digest} by {release.manifest.sender}"
        for position, entry in enumerate(release.manifest.shards):
            path = folder / layout.shard_name(position)
            if files is not None and _linked(files(position), path):
                for _ in checked(file_chunks(path, f"shard {entry.name} {where}"), entry, ReleaseError, where):
                    pass
            else:
                _write_file(path, checked(source(position), entry, ReleaseError, where))
        _write_file(folder / layout.ENVELOPE, [release.envelope.to_bytes()])
        _sync(folder)

    def _reveal(self, work: Path, release: VerifiedRelease) -> None:
        target = layout.release_folder(self._folder, release.digest)
        with self._staging.mutex():
            if target.exists():  # damaged when we began; since then somebody may have replaced it
                if self._is_whole(release):
                    return
                target.rename(work / "damaged")
            (work / "new").rename(target)
        _sync(target.parent)


def _linked(source: Path, target: Path) -> bool:
    """Whether `target` could be made another name of `source`'s file; where it could not, a copy is tried and says why."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    if target.is_file() and not target.is_symlink():
        return True
    target.unlink()
    return False


def _write_file(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
