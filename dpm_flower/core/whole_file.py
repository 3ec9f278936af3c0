"""A file that is there whole or not at all, whatever happens to the process that writes it."""

import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dpm_flower.core.errors import OutputError

LEFT_BEHIND = re.compile(r"\..+\.[0-9a-f]{16}\.partial(-journal)?")  # the latter is SQLite's, of a database that was being made


@contextmanager
def whole_file(path: Path, folder_mode: int = 0o777) -> Iterator[Path]:
    """A path -> another one, beside it, to write to; when the block ends, that file takes the path's place in one step.

    Makes the folders above, the last with `folder_mode` less the umask. Readers see the old file or the new one, never a part;
    several may write the same path at once. If the block raises, nothing is left. Raises OutputError for every OSError.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(folder_mode, parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:  # a power cut must not leave an empty file under the final name
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as err:
        raise OutputError(f"cannot write {path}: {err}") from err
    finally:
        with suppress(OSError):  # gone already, or the folder itself is what failed
            partial.unlink()


def sweep(folder: Path, own: Collection[str]) -> None:
    """A folder, and which folders in it are one's own -> the same without what killed writers left in it or anywhere below those.

    For whoever is alone at work there: what a living writer is at looks the same, so that folders of others are not entered. What
    cannot be removed stays: it takes room, and nobody reads it.
    """
    for place, below, names in os.walk(folder):  # which minds no folder that goes meanwhile
        if Path(place) == folder:
            below[:] = [name for name in below if name in own]
        for name in filter(LEFT_BEHIND.fullmatch, names):
            with suppress(OSError):
                Path(place, name).unlink()
