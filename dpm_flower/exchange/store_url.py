"""A store's URL, for example "s3://bucket/prefix" or "file:///mnt/shards" -> the object store that keeps shards there."""

import re
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

import fsspec  # type: ignore[import-untyped]

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.object_store import ObjectStore
from dpm_flower.payload.rules import shown

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+")
_OF_THIS_MACHINE = {"file", "local"}
_OF_THIS_PROCESS = {"memory"}


def check_store_url(url: str) -> None:
    """Raises SettingError unless this is a URL that means the same to every process, and gives nothing secret away."""
    found = _parsed(url)
    if found is None or (found.scheme in _OF_THIS_MACHINE and (found.netloc or not found.path.startswith("/"))):
        raise SettingError(f'a store is a URL, for example "s3://bucket/prefix" or "file:///mnt/shards", got {shown(url)}')
    if found.scheme in _OF_THIS_PROCESS:
        raise SettingError(f"a store outlives the process that writes there and is read by others, got {found.scheme}://")
    if found.password is not None or found.query:
        raise SettingError(
            f"a store's URL is kept and shown: who may write there is for the environment to say, not for the URL of {found.scheme}"
        )


def _parsed(url: str) -> SplitResult | None:
    """The parts of a URL; None of what is none."""
    if not _URL.fullmatch(url):
        return None
    try:
        return urlsplit(url)
    except ValueError:  # half an IPv6 address
        return None


def object_store(url: str) -> ObjectStore:
    """The URL of a store -> the store, once it has answered. Raises SettingError where it cannot be used."""
    check_store_url(url)
    try:
        # whole listings are never remembered: other processes change what lies there
        files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        with suppress(FileNotFoundError):  # made by the first shard
            files.info(root)
    except Exception as err:  # each of fsspec's backends has an error tree of its own
        raise SettingError(f"the store {url} cannot be used: {err}") from err
    return ObjectStore(files, root.rstrip("/"))
