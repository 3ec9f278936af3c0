"""Wrapping: a release's key -> one ciphertext for each recipient, which opens it with its private key and nobody else does.

Source: RFC 9180 (HPKE, base mode) with the hybrid of ML-KEM-768 and X25519: both would have to be broken.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.binding import Binding
from dpm_flower.payload.hpke_keys import hpke_public
from dpm_flower.payload.rules import shown
from dpm_flower.payload.segments import KEY_BYTES

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
WRAPPED_BYTES = 1088 + 32 + KEY_BYTES + 16  # ML-KEM's and X25519's part of the encapsulation, the key, its tag


def wrap(key: bytes, recipients: Mapping[str, bytes], binding: Binding) -> dict[str, bytes]:
    """A release's key, recipients' names with their raw public keys (1216 bytes), the release's name -> wrapped keys by name.

    Raises ReleaseError, naming the recipient, for a public key that is none.
    """
    return {name: _wrapped(key, name, raw, binding) for name, raw in recipients.items()}


def unwrap(wrapped: bytes, private: MLKEM768X25519PrivateKey, binding: Binding, recipient: str) -> bytes:
    """A wrapped key, the private key, the release's name and the own name -> the release's key.

    Raises ReleaseError for what was not wrapped for this recipient of this release.
    """
    try:
        key = SUITE.decrypt(wrapped, private, binding.recipient(recipient))
    except InvalidTag as err:
        raise ReleaseError(f"the key that was wrapped for {shown(recipient)} does not open with its private key") from err
    if len(key) != KEY_BYTES:
        raise ReleaseError(f"wanted a wrapped key of {KEY_BYTES} bytes, got {len(key)}")
    return key


def _wrapped(key: bytes, name: str, raw: bytes, binding: Binding) -> bytes:
    try:
        return SUITE.encrypt(key, hpke_public(raw), binding.recipient(name))
    except (ReleaseError, ValueError) as err:  # a point of low order is seen only when it is used
        raise ReleaseError(f"nothing can be wrapped for {shown(name)}: {err}") from err
