"""A folder that only its owner may enter."""

import stat
from pathlib import Path

from dpm_flower.core.errors import OutputError

OWNERS_ALONE = 0o700


def make_private(folder: Path) -> None:
    """Makes a folder with those above it, or closes one that is there and open to others. Raises OutputError where that cannot be."""
    try:
        folder.mkdir(OWNERS_ALONE, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) != OWNERS_ALONE:
            folder.chmod(OWNERS_ALONE)
    except OSError as err:
        raise OutputError(f"cannot write to {folder}, or cannot close it to others: {err}") from err
