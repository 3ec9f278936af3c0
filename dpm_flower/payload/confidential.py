"""Confidential releases: shards and their recipients' public keys -> encrypted shards and what the manifest says of them.

Source: DESIGN.md, "Trust". Content is encrypted once, whatever the number of recipients; the key is wrapped for each.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dpm_flower.payload.binding import Binding
from dpm_flower.payload.segments import KEY_BYTES, decrypt, encrypt
from dpm_flower.payload.shard import Shard
from dpm_flower.payload.wrapping import wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Encrypted shards, and the fields of the manifest by which recipients open them."""

    shards: list[Shard]
    key_commitment: str
    wrapped_keys: Mapping[str, bytes]


def seal(shards: Sequence[Shard], binding: Binding, recipients: Mapping[str, bytes]) -> Sealed:
    """Shards, the release's name, recipients' names with their raw HPKE public keys -> the shards under a key of their own.

    The key is forgotten here: a sender that wants to read its own release is a recipient of it. Raises ReleaseError for a public
    key that is none.
    """
    key = new_key()
    wrapped = wrap(key, recipients, binding)
    return Sealed(shards=seal_shards(shards, key, binding), key_commitment=commitment(key), wrapped_keys=wrapped)


def new_key() -> bytes:
    """A key for one release: 32 bytes from the operating system, since a seed of the study would let everybody make it."""
    return secrets.token_bytes(KEY_BYTES)


def commitment(key: bytes) -> str:
    """A release's key -> SHA-256 in hexadecimal that no other key has, and that tells nothing of it.

    In the manifest it makes one release the same for all: AES-GCM alone lets a sender make a ciphertext that opens to other
    content under another key. Source: Albertini et al., "How to Abuse and Fix Authenticated Encryption Without Key Commitment".
    """
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"dpm-flower key commitment").derive(key).hex()


def seal_shards(shards: Sequence[Shard], key: bytes, binding: Binding) -> list[Shard]:
    """Shards in the manifest's order and a key -> the same under encryption, each bound to its release and its place."""
    return [replace(shard, data=b"".join(encrypt([shard.data], key, binding.shard(position)))) for position, shard in enumerate(shards)]


def open_shard(chunks: Iterable[bytes], key: bytes, binding: Binding, position: int) -> Iterator[bytes]:
    """A stored shard in chunks, the key, the release's name and the shard's place -> what was encrypted, in chunks.

    Raises ReleaseError as soon as a chunk is not what was encrypted for this place of this release.
    """
    return decrypt(chunks, key, binding.shard(position))
