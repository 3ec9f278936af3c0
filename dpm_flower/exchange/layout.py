"""Where things lie in a pool's folder. No name that came from outside is ever part of a path."""

from pathlib import Path

from dpm_flower.payload import rules

STAGING = "staging"
RELEASES = "releases"
TOMBSTONES = "tombstones"
ENVELOPE = "envelope.json"
INDEX = "index.sqlite"
REPLAYS = "replays.sqlite"
AUDIT_LOG = "audit-log.jsonl"
STORE = "store"


def release_folder(pool: Path, digest: str) -> Path:
    """A pool's folder and a release's digest -> the release's folder. Raises ReleaseError for a digest that is none."""
    return pool / RELEASES / rules.sha256(digest, "a release's digest")


def work_folder(pool: Path, digest: str) -> Path:
    """A pool's folder and a release's digest -> where its one writer keeps what is not finished. Raises ReleaseError as above."""
    return pool / STAGING / rules.sha256(digest, "a release's digest")


def tombstone(pool: Path, digest: str) -> Path:
    """A pool's folder and a release's digest -> its tombstone's file. Raises ReleaseError as above."""
    return pool / TOMBSTONES / (rules.sha256(digest, "a release's digest") + ".json")


def bytes_held(pool: Path, digest: str) -> int:
    """A pool's folder and a release's digest -> the bytes that lie there of it, whole or damaged; 0 where there is none."""
    try:
        return sum(path.stat().st_size for path in release_folder(pool, digest).iterdir())
    except OSError:
        return 0


def shard_name(position: int) -> str:
    """A shard's place in the manifest, from 0 -> its file name; the sender's name for it stays in the manifest."""
    return f"{position:05d}.shard"
