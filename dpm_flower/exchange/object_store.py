"""Shards in object storage, through fsspec: S3, GCS, Azure, or whatever else it knows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from dpm_flower.core.errors import PoolError
from dpm_flower.exchange import layout
from dpm_flower.exchange.stream import CHUNK_BYTES
from dpm_flower.payload import rules


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Keeps shards under `root` of a file system of fsspec's; the pool's own folder keeps the envelopes.

    What a dying `put` left under a shard's name is no release: its envelope comes last. See ShardStore.
    """

    files: AbstractFileSystem
    root: str

    def put(self, release: str, position: int, chunks: Iterable[bytes]) -> None:
        """Chunks -> the shard's object. See ShardStore."""
        self.files.makedirs(self._folder(release), exist_ok=True)
        with self.files.open(self._path(release, position), "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def adopt(self, release: str, position: int, source: Path) -> bool:  # noqa: ARG002  # as the contract has it
        """Never: an object is a copy. See ShardStore."""
        return False

    def open(self, release: str, position: int, offset: int = 0) -> Iterator[bytes]:
        """The object's bytes from `offset` on. See ShardStore."""
        try:
            with self.files.open(self._path(release, position), "rb") as file:
                file.seek(offset)
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as err:
            raise PoolError(f"cannot read shard {position} of release {release} in {self.root}: {err}") from err

    def size(self, release: str, position: int) -> int:
        """The object's size. See ShardStore."""
        try:
            return int(self.files.size(self._path(release, position)))
        except OSError as err:
            raise PoolError(f"cannot read shard {position} of release {release} in {self.root}: {err}") from err

    def delete(self, release: str) -> None:
        """Removes the release's objects. See ShardStore."""
        if self.files.exists(self._folder(release)):
            self.files.rm(self._folder(release), recursive=True)

    def _folder(self, release: str) -> str:
        return self.root + "/" + rules.sha256(release, "a release's digest")

    def _path(self, release: str, position: int) -> str:
        return f"{self._folder(release)}/{layout.shard_name(position)}"
