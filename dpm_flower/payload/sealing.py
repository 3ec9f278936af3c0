"""The manifest's fields about encryption: what may stand in them, and their form in JSON."""

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias, get_args

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.public_forms import base64_bytes, base64_text
from dpm_flower.payload.segments import ciphertext_size, plaintext_size
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.wrapping import WRAPPED_BYTES

Encryption: TypeAlias = Literal["none", "aes-256-gcm-segments"]

ENCRYPTIONS: tuple[Encryption, ...] = get_args(Encryption)


def encryption(text: str) -> Encryption:
    """What a manifest says -> the encryption of that name. Raises ReleaseError for an unknown one."""
    for known in ENCRYPTIONS:
        if text == known:
            return known
    raise ReleaseError(f"the encryption of a release must be {' or '.join(ENCRYPTIONS)}, got {rules.shown(text)}")


def check(of: str, commitment: str, wrapped_keys: Mapping[str, bytes], sender: str, recipients: Collection[str]) -> None:
    """Raises ReleaseError unless the fields fit each other: a key for every recipient of a confidential release, else for nobody."""
    if encryption(of) == "none":
        if commitment or wrapped_keys:
            raise ReleaseError("a release without encryption has no keys, got a commitment or wrapped keys")
        return
    rules.sha256(commitment, "key_commitment")
    if not recipients:
        raise ReleaseError("a confidential release must name its recipients, got none")
    if missing := sorted(set(recipients) - wrapped_keys.keys()):
        raise ReleaseError(f"a confidential release must have a wrapped key for each recipient, got none for {rules.shown(missing)}")
    if others := sorted(wrapped_keys.keys() - {*recipients, sender}):
        raise ReleaseError(f"keys may be wrapped for the recipients and the sender, got one for {rules.shown(others)}")
    for name, wrapped in wrapped_keys.items():
        rules.count(len(wrapped), f"the length of the key for {name}", WRAPPED_BYTES, WRAPPED_BYTES)


def check_sizes(entry: ShardEntry, of: Encryption) -> None:
    """Raises ReleaseError unless a shard's stored size and content size can belong to each other."""
    packed = entry.size_bytes if of == "none" else plaintext_size(entry.size_bytes)
    if of != "none" and (packed < 1 or ciphertext_size(packed) != entry.size_bytes):
        raise ReleaseError(f"no ciphertext has the {entry.size_bytes} bytes of shard {entry.name}")
    if packed != entry.content_bytes if entry.compression == "none" else packed >= entry.content_bytes:
        raise ReleaseError(
            f"shard {entry.name} stores {packed} bytes with compression {entry.compression}, which cannot hold {entry.content_bytes}"
        )


def keys_to_plain(wrapped_keys: Mapping[str, bytes]) -> dict[str, str]:
    """Wrapped keys by recipient -> the same in base64."""
    return {name: base64_text(wrapped) for name, wrapped in wrapped_keys.items()}


def keys_from_plain(texts: Mapping[str, str]) -> dict[str, bytes]:
    """Base64 by recipient -> wrapped keys. Raises ReleaseError for what is no base64."""
    return {name: base64_bytes(text, f"the key for {rules.shown(name)}") for name, text in texts.items()}
