"""Segmented encryption: chunks of any size and a key -> chunks of ciphertext, and back; nothing comes out that was not checked.

Source: Tink's AES-GCM-HKDF streaming AEAD with the parameters of its template AES256_GCM_HKDF_1MB, byte for byte; after
Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (STREAM).
"""

import secrets
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dpm_flower.core.errors import ReleaseError

KEY_BYTES = 32
SEGMENT_BYTES = 1 << 20  # of ciphertext, the header being part of the first; memory per open stream is a few of them
HEADER_BYTES = 1 + KEY_BYTES + 7  # its own length, salt, nonce prefix
TAG_BYTES = 16


def ciphertext_size(plaintext_bytes: int) -> int:
    """How many bytes that many bytes take once they are encrypted."""
    segments = max(1, -(-(plaintext_bytes + HEADER_BYTES) // (SEGMENT_BYTES - TAG_BYTES)))
    return HEADER_BYTES + plaintext_bytes + segments * TAG_BYTES


def plaintext_size(ciphertext_bytes: int) -> int:
    """How many bytes were encrypted to give that many; less than 0, or of another ciphertext size, where nothing gives that many."""
    return ciphertext_bytes - HEADER_BYTES - TAG_BYTES * -(-ciphertext_bytes // SEGMENT_BYTES)


def encrypt(chunks: Iterable[bytes], key: bytes, associated: bytes) -> Iterator[bytes]:
    """Plaintext, a key of 32 bytes and what the ciphertext belongs to -> ciphertext; another one each time.

    Every stream has an AES key of its own, from a fresh salt, so that no nonce can meet its like in another stream.
    """
    salt, prefix = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(HEADER_BYTES - KEY_BYTES - 1)
    header = bytes([HEADER_BYTES]) + salt + prefix
    cipher = _cipher(key, salt, associated)
    first, later = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES, SEGMENT_BYTES - TAG_BYTES
    for number, (segment, last) in enumerate(_cut(chunks, first, later)):
        sealed = cipher.encrypt(_nonce(prefix, number, last=last), segment, None)
        yield header + sealed if number == 0 else sealed


def decrypt(chunks: Iterable[bytes], key: bytes, associated: bytes) -> Iterator[bytes]:
    """Ciphertext, its key and what it must belong to -> plaintext, each segment once it is checked.

    Raises ReleaseError at the first segment that is not the one at this place of the stream, also at the end of a stream that was
    cut between two segments: who has read all has read what was encrypted.
    """
    cipher, prefix = None, b""
    for number, (segment, last) in enumerate(_cut(chunks, SEGMENT_BYTES, SEGMENT_BYTES)):
        body = segment
        if cipher is None:
            header, body = segment[:HEADER_BYTES], segment[HEADER_BYTES:]
            if len(header) < HEADER_BYTES or header[0] != HEADER_BYTES:
                raise ReleaseError(f"wanted a ciphertext with a header of {HEADER_BYTES} bytes, got {header[:1].hex() or 'nothing'}")
            cipher, prefix = _cipher(key, header[1 : 1 + KEY_BYTES], associated), header[1 + KEY_BYTES :]
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=last), body, None)
        except InvalidTag as err:
            place = f"segment {number}{', the last' if last else ''}"
            raise ReleaseError(f"{place}, does not open with this key at this place of this release") from err


def _cipher(key: bytes, salt: bytes, associated: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=associated).derive(key))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _cut(chunks: Iterable[bytes], first: int, later: int) -> Iterator[tuple[bytes, bool]]:
    """Chunks -> (piece of exactly `first`, then `later` bytes, whether it is the last, which may be shorter); at least one."""
    held, size = bytearray(), first
    for chunk in chunks:
        held += chunk
        while len(held) > size:  # not >=: a full piece is the last one if nothing follows
            yield bytes(held[:size]), False
            del held[:size]
            size = later
    yield bytes(held), True
