"""A copy that leaves the store: bytes -> a new file elsewhere, whole or not there at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from dpm_flower.core.durable import write_all
from dpm_flower.core.errors import OutputError
from dpm_flower.data.retention.erasing import erase


def copy_out(content: bytes, target: Path, check: Callable[[], None]) -> None:
    """Bytes and a path where nothing lies -> that file, which its owner alone reads.

    `check` is called once all is written and before the file gets its name; if it raises, nothing is left. Raises OutputError if
    the file cannot be written, or something lies there already. Whoever is killed leaves a part beside it at most, with a name that
    ends in ".partial".
    """
    partial = f".{target.name}.{secrets.token_hex(8)}.partial"
    try:
        place = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _copy(content, partial, target.name, place, check)
        finally:
            os.close(place)
    except OSError as err:
        raise OutputError(f"cannot export to {target}: {err.strerror}") from err


def _copy(content: bytes, partial: str, name: str, place: int, check: Callable[[], None]) -> None:
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=place)
    try:
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        check()
        os.link(partial, name, src_dir_fd=place, dst_dir_fd=place)  # which, unlike a rename, fails where something lies
    except BaseException:
        erase(partial, place)
        raise
    os.unlink(partial, dir_fd=place)
    os.fsync(place)
