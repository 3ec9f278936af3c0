"""Private keys <-> the bytes of their files: PKCS#8 in PEM, OpenSSH's form for Flower, locked where there is a passphrase."""

from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.key_files import read_closed, write_new
from dpm_flower.payload.passphrase_lock import PassphraseLock, is_locked
from dpm_flower.payload.public_forms import kind_of


class PrivateKey(Protocol):
    """What all private keys of the cryptography library can do."""

    def private_bytes(self, encoding: Encoding, format: PrivateFormat, encryption_algorithm: KeySerializationEncryption, /) -> bytes:
        """The key in the given form."""
        ...


_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"


def pem(key: PrivateKey) -> bytes:
    """A private key -> unencrypted PKCS#8 in PEM, for memory and closed files only."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def openssh(key: PrivateKey) -> bytes:
    """A private key -> OpenSSH's unencrypted form, the only one that flower-supernode reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def write_key(path: Path, plain: bytes, lock: PassphraseLock | None) -> None:
    """A key's bytes -> its new file, mode 0600, under the passphrase if there is one."""
    write_new(path, plain if lock is None else lock.seal(plain, path.name))


def read_key(path: Path, lock: PassphraseLock | None) -> object:
    """A closed file -> the private key in it, of whatever kind.

    Raises OutputError for a file that is missing, open to others or damaged; SettingError for a passphrase that is wrong, missing, or
    given though the file has none: who gave it believes that the key is protected.
    """
    data = read_closed(path)
    if is_locked(data):
        if lock is None:
            raise SettingError(f"{path} is locked with a passphrase, got none")
        try:
            data = lock.open(data, path.name)
        except ReleaseError as err:
            raise OutputError(f"damaged: {path}: {err}") from err
        except SettingError as err:
            raise SettingError(f"wrong passphrase for {path}") from err
    elif lock is not None:
        raise SettingError(f"{path} is not locked with a passphrase, got one")
    try:
        return load_ssh_private_key(data, None) if data.startswith(_OPENSSH) else load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise OutputError(f"damaged: {path} holds no private key: {err}") from err


def read_ec_key(path: Path, curve: type[ec.EllipticCurve], lock: PassphraseLock | None) -> ec.EllipticCurvePrivateKey:
    """A closed file -> the ECDSA key in it, which must lie on this curve. Raises what `read_key` raises, and OutputError for others."""
    key = read_key(path, lock)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, curve):
        raise OutputError(f"damaged: {path} must hold a key on the curve {curve.name}, got a {kind_of(key)}")
    return key
