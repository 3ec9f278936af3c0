"""A passphrase and a private key's bytes -> bytes that only the same passphrase opens: scrypt, then AES-256-GCM."""

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import rules
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.public_forms import base64_bytes, base64_text

FORMAT = "dpm-flower locked key 1"
# The library's own encrypted PKCS#8 derives with 2,048 rounds of PBKDF2, which a graphics card tries millions of times a second.
COST = 1 << 17  # scrypt's N: with r = 8, p = 1 this takes 128 MiB and 0.4 s for each guess; OWASP's first choice
LEAST_COST, MOST_COST = 1 << 14, 1 << 20  # a damaged file must not ask for terabytes
LEAST_BYTES = 12  # of a passphrase: shorter ones are guessed whatever the cost
KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12
MAX_LOCKED_BYTES = 1 << 16

_KEYS = frozenset({"format", "cost", "salt", "nonce", "locked", "checksum"})


class PassphraseLock:
    """One passphrase, in memory only. What one lock seals has one salt, so that all keys of a folder open with one derivation.

    Raises SettingError for a passphrase that is too short.
    """

    def __init__(self, passphrase: bytes, cost: int = COST) -> None:
        if len(passphrase) < LEAST_BYTES:
            raise SettingError(f"a passphrase must have at least {LEAST_BYTES} bytes, got {len(passphrase)}")
        self._passphrase = passphrase
        self._cost = cost
        self._salt = secrets.token_bytes(SALT_BYTES)
        self._derived: dict[tuple[int, bytes], AESGCM] = {}

    def seal(self, plain: bytes, name: str) -> bytes:
        """A secret and the name of its file -> JSON that opens under this name only, so that two files cannot be exchanged."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = _head(self._cost, self._salt)
        locked = self._cipher(self._cost, self._salt).encrypt(nonce, plain, _bound(head, name))
        value = head | {"nonce": base64_text(nonce), "locked": base64_text(locked)}
        return canonical(value | {"checksum": _checksum(value)})

    def open(self, data: bytes, name: str) -> bytes:
        """What `seal` made -> the secret. Raises ReleaseError for a damaged file, SettingError for another passphrase.

        Damage and a wrong passphrase look the same to AES-GCM, hence the checksum. It is no protection: who alters a file and its
        checksum is told that the passphrase is wrong.
        """
        fields = Fields.parse(data, name, _KEYS, MAX_LOCKED_BYTES)
        if fields.text("format") != FORMAT:
            raise ReleaseError(f"{name}: wanted the format {FORMAT!r}, got {rules.shown(fields.text('format'))}")
        cost = rules.count(fields.integer("cost"), f"{name}: cost", LEAST_COST, MOST_COST)
        salt, nonce, locked = (base64_bytes(fields.text(part), f"{name}: {part}") for part in ("salt", "nonce", "locked"))
        head = _head(cost, salt)
        if fields.text("checksum") != _checksum(head | {"nonce": base64_text(nonce), "locked": base64_text(locked)}):
            raise ReleaseError(f"{name}: its checksum does not match")
        if cost & (cost - 1) or len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
            raise ReleaseError(f"{name}: wanted a power of two as cost, {SALT_BYTES} bytes of salt and {NONCE_BYTES} of nonce")
        try:
            return self._cipher(cost, salt).decrypt(nonce, locked, _bound(head, name))
        except InvalidTag as err:
            raise SettingError(f"wrong passphrase for {name}") from err

    def _cipher(self, cost: int, salt: bytes) -> AESGCM:
        if (cost, salt) not in self._derived:
            key = Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=8, p=1).derive(self._passphrase)
            self._derived[cost, salt] = AESGCM(key)
        return self._derived[cost, salt]


def is_locked(data: bytes) -> bool:
    """Whether a key file's bytes are what a lock made; a key without passphrase is PEM."""
    return data.startswith(b"{")


def _head(cost: int, salt: bytes) -> dict[str, object]:
    return {"format": FORMAT, "cost": cost, "salt": base64_text(salt)}


def _bound(head: dict[str, object], name: str) -> bytes:
    return canonical(head | {"name": name})


def _checksum(value: dict[str, object]) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()
