"""The keys under which confidential releases reach one entity: ML-KEM-768 and X25519, so that a reader has to break both."""

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from dpm_flower.core.errors import ReleaseError, SettingError

MLKEM_BYTES = 1184  # of a public key: FIPS 203, table 3
X25519_BYTES = 32  # RFC 7748
HPKE_PUBLIC_BYTES = MLKEM_BYTES + X25519_BYTES


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HpkeKeys:
    """An entity's private keys to receive with; both are used together, as HPKE's hybrid of the two."""

    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey

    @classmethod
    def generate(cls) -> "HpkeKeys":
        """New keys from the operating system's randomness. Raises SettingError where this machine has no ML-KEM-768."""
        try:
            return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())
        except UnsupportedAlgorithm as err:
            raise _lacking() from err

    @property
    def public(self) -> bytes:
        """What others send to: the raw ML-KEM-768 key, then the raw X25519 key."""
        return self.mlkem.public_key().public_bytes_raw() + self.x25519.public_key().public_bytes_raw()

    @property
    def private(self) -> MLKEM768X25519PrivateKey:
        """Both keys as the one that HPKE decrypts with."""
        return MLKEM768X25519PrivateKey(self.mlkem, self.x25519)


def hpke_public(raw: bytes) -> MLKEM768X25519PublicKey:
    """An entity's raw public bytes, as its card has them -> the key that HPKE encrypts to. Raises ReleaseError for what is none."""
    if len(raw) != HPKE_PUBLIC_BYTES:
        raise ReleaseError(f"an HPKE key has {HPKE_PUBLIC_BYTES} bytes, ML-KEM-768's then X25519's, got {len(raw)}")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_BYTES])  # checks the coefficients: FIPS 203, section 7.2
        return MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(raw[MLKEM_BYTES:]))
    except ValueError as err:
        raise ReleaseError(f"these bytes are no public key of ML-KEM-768 and X25519: {err}") from err
    except UnsupportedAlgorithm as err:
        raise _lacking() from err


def _lacking() -> SettingError:
    return SettingError("the cryptography library of this machine was built without ML-KEM-768: install its wheel from PyPI")
