"""Whether the object store that a site file names takes an object, gives it back, and lets it go."""

import queue
import secrets
import threading
from collections.abc import Callable

from dpm_flower.apps.doctor.finding import Finding
from dpm_flower.core.errors import DpmFlowerError, PoolError, SettingError
from dpm_flower.exchange.store_url import object_store
from dpm_flower.regime.site_file import SiteFile

STORE = "store"
DEADLINE_S = 30.0  # backends repeat what fails, some of them for minutes
PROBE_BYTES = 1024
REMEDY = (
    "run this with the environment of the site's service, which says who may write there; else ask the store's operator: the site needs to "
    "read, write and delete"
)


def store_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # a store tells no time
    """A site -> how its store treats a probe object: written, read back and deleted as a shard is, under a name that no release has."""
    url = site.exchange.store
    if not url:
        return [Finding(STORE, "ok", "the site file names none: shards lie in the site's folder")]
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: ended.put(trouble(url)), daemon=True).start()  # a backend that hangs is left to hang
    try:
        why = ended.get(timeout=DEADLINE_S)
    except queue.Empty:
        why = f"the store {url} did not answer within {DEADLINE_S:g} s"
    return [Finding(STORE, "wrong", why, REMEDY) if why else Finding(STORE, "ok", f"{url} took a probe object, gave it back and let it go")]


def trouble(url: str) -> str:
    """A store's URL -> at which step a probe object ended, or nothing. What was written is deleted whatever comes of it."""
    name, content = secrets.token_hex(32), secrets.token_bytes(PROBE_BYTES)
    try:
        store = object_store(url)
    except SettingError as err:
        return str(err)

    def put_and_read() -> None:
        store.put(name, 0, [content])
        if b"".join(store.open(name, 0)) != content:
            raise PoolError(f"the store {url} gave back other bytes than it took")

    why, left = _said(put_and_read), _said(lambda: store.delete(name))
    return why or left


def _said(step: Callable[[], None]) -> str:
    try:
        step()
    except DpmFlowerError as err:
        return str(err)
    return ""
