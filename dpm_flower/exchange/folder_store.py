"""Shards as files beside their release's envelope: the store that a pool has unless it is given another."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.durable import sync_folder, write_file
from dpm_flower.core.errors import PoolError
from dpm_flower.exchange import layout
from dpm_flower.exchange.stream import file_chunks


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Keeps shards in the releases' folders of `pool`. Every file comes to its place in one step, whole; see ShardStore."""

    pool: Path

    def put(self, release: str, position: int, chunks: Iterable[bytes]) -> None:
        """Chunks -> the shard's file. See ShardStore."""
        partial = self._partial(release, position)
        try:
            write_file(partial, chunks)
            self._place(release, position, partial)
        finally:
            partial.unlink(missing_ok=True)

    def adopt(self, release: str, position: int, source: Path) -> bool:
        """Gives `source`'s file, if it is a regular one on the same disk, another name here. See ShardStore."""
        partial = self._partial(release, position)
        try:
            os.link(source, partial, follow_symlinks=False)
        except OSError:
            return False  # a copy is tried then, and says what is wrong
        try:
            if not stat.S_ISREG(partial.lstat().st_mode):
                return False
            self._place(release, position, partial)
        finally:
            partial.unlink(missing_ok=True)  # still there if both were names of one file already
        return True

    def open(self, release: str, position: int, offset: int = 0) -> Iterator[bytes]:
        """The file's bytes from `offset` on. See ShardStore."""
        return file_chunks(self._path(release, position), f"shard {position} of release {release}", offset)

    def size(self, release: str, position: int) -> int:
        """The file's size. See ShardStore."""
        path = self._path(release, position)
        try:
            found = path.lstat()
        except OSError as err:
            raise PoolError(f"cannot read shard {position} of release {release} at {path}: {err.strerror}") from err
        if not stat.S_ISREG(found.st_mode):
            raise PoolError(f"shard {position} of release {release} at {path} must be a regular file")
        return found.st_size

    def delete(self, release: str) -> None:
        """Removes the release's folder. Its files may have other names elsewhere, and are not overwritten. See ShardStore."""
        folder = layout.release_folder(self.pool, release)
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)

    def _path(self, release: str, position: int) -> Path:
        return layout.release_folder(self.pool, release) / layout.shard_name(position)

    def _partial(self, release: str, position: int) -> Path:
        folder = layout.work_folder(self.pool, release)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / layout.shard_name(position)

    def _place(self, release: str, position: int, partial: Path) -> None:
        target = self._path(release, position)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        partial.replace(target)
        sync_folder(target.parent)
