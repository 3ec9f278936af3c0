"""The keys that an entity signs with: Ed25519, and ML-DSA-65 beside it, so that a forger has to break both."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from securesystemslib import dsse

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload.envelope import Signature
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.public_forms import base64_bytes, base64_text
from dpm_flower.payload.rules import shown

Algorithm: TypeAlias = Literal["ed25519", "ml-dsa-65"]

RAW_BYTES: dict[Algorithm, int] = {"ed25519": 32, "ml-dsa-65": 1952}  # of a public key: RFC 8032 and FIPS 204, table 2

_KEYS = frozenset({"algorithm", "key"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key to verify with: its algorithm and its raw bytes. Raises ReleaseError for an unknown algorithm or another length."""

    algorithm: Algorithm
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.algorithm not in RAW_BYTES:
            raise ReleaseError(f"wanted a signing key of {' or '.join(RAW_BYTES)}, got {shown(self.algorithm)}")
        if type(self.raw) is not bytes or len(self.raw) != RAW_BYTES[self.algorithm]:
            raise ReleaseError(f"a public key of {self.algorithm} has {RAW_BYTES[self.algorithm]} bytes, got {shown(self.raw)}")

    @property
    def keyid(self) -> str:
        """The key's name in signatures: SHA-256, hexadecimal, over its algorithm's name, NUL and its raw bytes."""
        return hashlib.sha256(self.algorithm.encode() + b"\0" + self.raw).hexdigest()

    def verifies(self, sig: bytes, message: bytes) -> bool:
        """Whether `sig` is this key's signature of `message`. Raises SettingError where this machine lacks the algorithm."""
        try:
            key = Ed25519PublicKey if self.algorithm == "ed25519" else MLDSA65PublicKey
            key.from_public_bytes(self.raw).verify(sig, message)
        except (InvalidSignature, ValueError):
            return False
        except UnsupportedAlgorithm as err:
            raise _lacking(self.algorithm) from err
        return True


@dataclass(frozen=True, slots=True)
class VerifyingKeys:
    """All keys that one signer signs with: Ed25519 first, then ML-DSA-65 unless it goes without. Raises ReleaseError for other sets."""

    keys: tuple[PublicKey, ...]

    def __post_init__(self) -> None:
        algorithms = tuple(key.algorithm for key in self.keys)
        if algorithms not in (("ed25519",), ("ed25519", "ml-dsa-65")):
            raise ReleaseError(f"a signer has one key of ed25519, then at most one of ml-dsa-65, got {shown(algorithms)}")

    @property
    def keyids(self) -> tuple[str, ...]:
        """The keys' names, in their order."""
        return tuple(key.keyid for key in self.keys)

    def to_plain(self) -> list[dict[str, str]]:
        """The keys -> the value of `signing` in cards and rosters: of each its algorithm, and its raw bytes in base64."""
        return [{"algorithm": key.algorithm, "key": base64_text(key.raw)} for key in self.keys]

    @classmethod
    def from_plain(cls, claims: list[object]) -> "VerifyingKeys":
        """The value of `signing` from anybody -> the keys that it spells. Raises ReleaseError for anything else."""
        return cls(tuple(_public_key(Fields(claim, "a signing key", _KEYS)) for claim in claims))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SigningKeys:
    """An entity's private signing keys. Without ML-DSA-65, what it signs is only as good as Ed25519 is against a quantum computer."""

    ed25519: Ed25519PrivateKey
    ml_dsa: MLDSA65PrivateKey | None

    @classmethod
    def generate(cls, *, post_quantum: bool = True) -> "SigningKeys":
        """New keys from the operating system's randomness. Raises SettingError where this machine has no ML-DSA-65."""
        try:
            return cls(Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate() if post_quantum else None)
        except UnsupportedAlgorithm as err:
            raise _lacking("ml-dsa-65") from err

    @property
    def public(self) -> VerifyingKeys:
        """What others verify with."""
        ed25519 = PublicKey("ed25519", self.ed25519.public_key().public_bytes_raw())
        if self.ml_dsa is None:
            return VerifyingKeys((ed25519,))
        return VerifyingKeys((ed25519, PublicKey("ml-dsa-65", self.ml_dsa.public_key().public_bytes_raw())))

    def sign(self, payload_type: str, payload: bytes) -> tuple[Signature, ...]:
        """Bytes and what they are -> one signature of each key, in the order of `public`, over DSSE's encoding of both."""
        message = signed_bytes(payload_type, payload)
        sigs = [self.ed25519.sign(message)]
        if self.ml_dsa is not None:
            sigs.append(self.ml_dsa.sign(message))
        return tuple(Signature(keyid, sig) for keyid, sig in zip(self.public.keyids, sigs, strict=True))


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """Bytes and what they are -> what is signed, so that a signature of one kind never passes for another. Source: DSSE v1.0.2, PAE."""
    return dsse.Envelope(payload, payload_type, {}).pae()


def _lacking(algorithm: Algorithm) -> SettingError:
    return SettingError(f"the cryptography library of this machine was built without {algorithm}: install its wheel from PyPI")


def _public_key(fields: Fields) -> PublicKey:
    algorithm = cast(Algorithm, fields.text("algorithm"))  # which PublicKey checks
    return PublicKey(algorithm, base64_bytes(fields.text("key"), "a signing key"))
