"""A deployed site's secret: made once, kept in a file that its owner alone reads, and never sent anywhere."""

import secrets
from pathlib import Path

from dpm_flower.core.errors import OutputError
from dpm_flower.core.secret_streams import SECRET_BYTES
from dpm_flower.core.written_once import write_once


def site_secret(path: Path) -> str:
    """Where the secret lies -> 32 random bytes in hexadecimal; drawn and written (mode 0600) where there is none yet.

    Whoever comes second at the same moment reads what the first one wrote. Raises OutputError where it cannot be read or written,
    or is not a secret of that length: made up anew, it would give the same release other noise.
    """
    try:
        if not path.exists():
            write_once(path, secrets.token_hex(SECRET_BYTES))
        secret = path.read_text()
    except (OSError, UnicodeDecodeError) as err:
        raise OutputError(f"cannot keep this site's secret in {path}: {err}") from err
    if len(secret) != 2 * SECRET_BYTES or not set(secret) <= set("0123456789abcdef"):
        raise OutputError(f"wanted a secret of {SECRET_BYTES} bytes in hexadecimal in {path}, got {len(secret)} other characters")
    return secret
