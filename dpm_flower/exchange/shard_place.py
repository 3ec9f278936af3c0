"""Where a pool's shards lie: its folder remembers that, so that every process that opens the pool uses the same store."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dpm_flower.core.errors import OutputError, PoolError, SettingError
from dpm_flower.exchange import layout
from dpm_flower.exchange.folder_store import FolderStore
from dpm_flower.exchange.shard_store import ShardStore
from dpm_flower.exchange.store_url import check_store_url, object_store


def settle(folder: Path, url: str) -> None:
    """A pool's folder and the URL of a store -> from now on the pool's shards lie there. Again, or without a URL, it changes nothing.

    Raises SettingError for what is no store's URL, PoolError for a pool whose shards lie elsewhere already, OutputError where the folder
    cannot be written.
    """
    if not url:
        return
    check_store_url(url)
    if (found := _remembered(folder)) is None:
        if _has_releases(folder):
            raise PoolError(f"wanted a new pool for the store {url}, got {folder}, whose shards lie in its own folder")
        _remember(folder, url)
        found = _remembered(folder)
    if found != url:
        raise PoolError(f"the shards of the pool {folder} lie in {found}, wanted them in {url}")


def shard_store(folder: Path) -> ShardStore:
    """A pool's folder -> the store that its shards lie in: where they were settled, or the folder itself. Raises PoolError."""
    url = _remembered(folder)
    if url is None:
        return FolderStore(folder)
    try:
        return object_store(url)
    except SettingError as err:
        raise PoolError(f"the shards of the pool {folder} cannot be got at: {err}") from err


def _remembered(folder: Path) -> str | None:
    path = folder / layout.STORE
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise PoolError(f"cannot tell where the shards of the pool {folder} lie: {path}: {err}") from err


def _has_releases(folder: Path) -> bool:
    try:
        return any((folder / layout.RELEASES).iterdir())
    except FileNotFoundError:
        return False
    except OSError as err:
        raise PoolError(f"cannot list the pool {folder}: {err}") from err


def _remember(folder: Path, url: str) -> None:
    """Writes it down, whole before it has its name; what another process wrote meanwhile stays."""
    new = folder / f".{layout.STORE}.{secrets.token_hex(8)}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new.write_text(f"{url}\n", encoding="utf-8")
        with suppress(FileExistsError):
            os.link(new, folder / layout.STORE)
    except OSError as err:
        raise OutputError(f"cannot write to the pool {folder}: {err}") from err
    finally:
        with suppress(OSError):  # gone already, or the folder itself is what failed
            new.unlink()
