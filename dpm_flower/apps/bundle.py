"""App bundles by their digest: what is submitted against what a site allows, before anything of it is unpacked or imported."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from flwr.cli.build import build_fab_from_disk

from dpm_flower.core.errors import PolicyError, StudyError
from dpm_flower.payload.rules import shown


def bundle_digest(content: bytes) -> str:
    """A bundle's bytes -> SHA-256, hexadecimal: what a site's policy lists."""
    return hashlib.sha256(content).hexdigest()


def check_bundle(content: bytes, allowed: Collection[str]) -> None:
    """Raises PolicyError unless these very bytes are allowed."""
    if (digest := bundle_digest(content)) not in allowed:
        raise PolicyError(f"this site allows the bundles {shown(sorted(allowed))}, got {digest}")


def digest_of_app(folder: Path) -> str:
    """The folder of an app -> the digest of the bundle that `flwr run` would submit from it. Raises StudyError where it is none."""
    try:
        return bundle_digest(build_fab_from_disk(folder))
    except (Exception, SystemExit) as err:  # Flower's own command checks the app and leaves in several ways
        raise StudyError(f"wanted the folder of a Flower app, got {folder}: {err}") from err
