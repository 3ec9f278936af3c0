"""A deployed site's secret: made once, kept in a file that its owner alone reads, and never sent anywhere."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dpm_flower.core.errors import OutputError
from dpm_flower.core.secret_streams import SECRET_BYTES


def site_secret(path: Path) -> str:
    """Where the secret lies -> 32 random bytes in hexadecimal; drawn and written (mode 0600) where there is none yet.

    Whoever comes second at the same moment reads what the first one wrote. Raises OutputError where it cannot be read or written,
    or is not a secret of that length: made up anew, it would give the same release other noise.
    """
    try:
        if not path.exists():
            _write_once(path, secrets.token_hex(SECRET_BYTES))
        secret = path.read_text()
    except (OSError, UnicodeDecodeError) as err:
        raise OutputError(f"cannot keep this site's secret in {path}: {err}") from err
    if len(secret) != 2 * SECRET_BYTES or not set(secret) <= set("0123456789abcdef"):
        raise OutputError(f"wanted a secret of {SECRET_BYTES} bytes in hexadecimal in {path}, got {len(secret)} other characters")
    return secret


def _write_once(path: Path, secret: str) -> None:
    """The file is there whole or not at all, and is never written over: a link, unlike a rename, fails where one exists."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
