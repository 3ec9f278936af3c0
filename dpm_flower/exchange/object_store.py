"""Shards in object storage, through fsspec: S3, GCS, Azure, or whatever else it knows."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from dpm_flower.core.errors import DpmFlowerError, OutputError, PoolError
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
        folder, path = self._folder(release), self._path(release, position)
        told = partial(_told, OutputError, f"cannot write shard {position} of release {release} to {self.root}")
        with ExitStack() as stack:
            with told():
                self.files.makedirs(folder, exist_ok=True)
                file = stack.enter_context(self.files.open(path, "wb"))
            for chunk in chunks:  # what they raise is not the store's
                with told():
                    file.write(chunk)
            with told():
                file.close()  # sends what it still holds

    def adopt(self, release: str, position: int, source: Path) -> bool:  # noqa: ARG002  # as the contract has it
        """Never: an object is a copy. See ShardStore."""
        return False

    def open(self, release: str, position: int, offset: int = 0) -> Iterator[bytes]:
        """The object's bytes from `offset` on. See ShardStore."""
        path = self._path(release, position)
        what = f"cannot read shard {position} of release {release} in {self.root}"
        with _told(PoolError, what), self.files.open(path, "rb") as file:
            file.seek(offset)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def size(self, release: str, position: int) -> int:
        """The object's size. See ShardStore."""
        path = self._path(release, position)
        with _told(PoolError, f"cannot read shard {position} of release {release} in {self.root}"):
            return int(self.files.size(path))

    def delete(self, release: str) -> None:
        """Removes the release's objects. See ShardStore."""
        folder = self._folder(release)
        with _told(OutputError, f"cannot delete release {release} in {self.root}"):
            if self.files.exists(folder):
                self.files.rm(folder, recursive=True)

    def _folder(self, release: str) -> str:
        return self.root + "/" + rules.sha256(release, "a release's digest")

    def _path(self, release: str, position: int) -> str:
        return f"{self._folder(release)}/{layout.shard_name(position)}"


@contextmanager
def _told(kind: type[DpmFlowerError], what: str) -> Iterator[None]:
    """Whatever a backend raises inside the block, each of which has an error tree of its own, is one of ours; ours come through."""
    try:
        yield
    except DpmFlowerError:
        raise
    except Exception as err:
        raise kind(f"{what}: {err}") from err
