"""Where a command gets a passphrase: a file descriptor or a systemd credential, never arguments or environment, which others can read."""

import os
from pathlib import Path

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import rules
from dpm_flower.payload.passphrase_lock import PassphraseLock

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # set by systemd for a service with LoadCredential= or LoadCredentialEncrypted=
MAX_PASSPHRASE_BYTES = 4096


def passphrase_lock(descriptor: int | None, credential: str | None) -> PassphraseLock | None:
    """A file descriptor's number, or the name of a credential, or neither -> a lock of the passphrase there; None without one.

    The passphrase is everything up to the end, less one line end. Raises SettingError where both are given, where it cannot be read,
    and for one that is too short.
    """
    if descriptor is not None and credential is not None:
        raise SettingError("wanted one source for the passphrase, got a file descriptor and a credential")
    if descriptor is not None:
        return PassphraseLock(_read(descriptor))
    return None if credential is None else PassphraseLock(_credential(credential))


def _read(descriptor: int) -> bytes:
    try:
        if os.isatty(descriptor):
            raise SettingError(
                f"file descriptor {descriptor} is a terminal, which would show the passphrase: redirect it from a file or a pipe"
            )
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(MAX_PASSPHRASE_BYTES + 1)
    except OSError as err:
        raise SettingError(f"cannot read a passphrase from file descriptor {descriptor}: {err.strerror}") from err
    return _stripped(data)


def _credential(name: str) -> bytes:
    folder = os.environ.get(CREDENTIALS)
    if not folder:
        raise SettingError(f"wanted the credential {rules.shown(name)}, but ${CREDENTIALS} is not set: systemd sets it for its services")
    try:
        with (Path(folder) / rules.name(name, "a credential's name")).open("rb") as file:
            return _stripped(file.read(MAX_PASSPHRASE_BYTES + 1))
    except ReleaseError as err:
        raise SettingError(str(err)) from err
    except OSError as err:
        raise SettingError(f"cannot read the credential {rules.shown(name)} in ${CREDENTIALS}: {err.strerror}") from err


def _stripped(data: bytes) -> bytes:
    if len(data) > MAX_PASSPHRASE_BYTES:
        raise SettingError(f"a passphrase may have {MAX_PASSPHRASE_BYTES} bytes, got more")
    return data.removesuffix(b"\n").removesuffix(b"\r")
