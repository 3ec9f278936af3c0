"""What a pool is made of, for the functions that work on all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.exchange import layout
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.shard_store import ShardStore
from dpm_flower.exchange.staging import Staging
from dpm_flower.exchange.tombstones import Tombstones
from dpm_flower.payload.rules import SHA256


@dataclass(frozen=True, slots=True)
class Parts:
    """The folder is the truth for what lies here, the tombstones for what must not, the index for what is listed.

    Whoever changes one of them holds `staging.mutex`; whoever writes a release's files works in `staging` under its digest.
    `clock` gives seconds since 1970 UTC.
    """

    folder: Path
    store: ShardStore
    staging: Staging
    tombstones: Tombstones
    index: Index
    audit_log: AuditLog
    clock: Callable[[], float]

    def envelope_path(self, digest: str) -> Path:
        """A release's digest -> its envelope's file. It is written last and removed first: while it lies there, so does the release."""
        return layout.release_folder(self.folder, digest) / layout.ENVELOPE

    def folders(self) -> set[str]:
        """The digests that have a folder, finished or not. All OSErrors pass through."""
        return {path.name for path in (self.folder / layout.RELEASES).iterdir() if SHA256.fullmatch(path.name)}

    def remove(self, digest: str) -> None:
        """Removes what lies here of a release, its envelope first. For the one who works under its digest; OSErrors pass through."""
        path = self.envelope_path(digest)
        if path.parent.is_dir() and not path.parent.is_symlink() and (path.is_symlink() or not path.is_dir()):
            path.unlink(missing_ok=True)
        self.store.delete(digest)
