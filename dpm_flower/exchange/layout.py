"""Where things lie in a pool's folder. No name that came from outside is ever part of a path."""

from pathlib import Path

from dpm_flower.payload import rules

STAGING = "staging"
RELEASES = "releases"
ENVELOPE = "envelope.json"


def release_folder(pool: Path, digest: str) -> Path:
    """A pool's folder and a release's digest -> the release's folder. Raises ReleaseError for a digest that is none."""
    return pool / RELEASES / rules.sha256(digest, "a release's digest")


def bytes_held(pool: Path, digest: str) -> int:
    """A pool's folder and a release's digest -> the bytes that lie there of it, whole or damaged; 0 where there is none."""
    try:
        return sum(path.stat().st_size for path in release_folder(pool, digest).iterdir())
    except OSError:
        return 0


def shard_name(position: int) -> str:
    """A shard's place in the manifest, from 0 -> its file name; the sender's name for it stays in the manifest."""
    return f"{position:05d}.shard"
