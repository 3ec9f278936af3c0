import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.segments import HEADER_BYTES, SEGMENT_BYTES, TAG_BYTES, ciphertext_size, decrypt, encrypt, plaintext_size

KEY, OF = bytes(range(32)), b"shard 3 of release 7"
FIRST, LATER = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES, SEGMENT_BYTES - TAG_BYTES
EDGES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + LATER, FIRST + LATER + 1]


def some(size, start=0):
    return (bytes(range(start, start + 199)) * (size // 199 + 1))[:size]


def sealed(plain, key=KEY, of=OF):
    return b"".join(encrypt([plain], key, of))


def opened(data, key=KEY, of=OF):
    return b"".join(decrypt([data], key, of))


def reference(data, key=KEY, of=OF):
    """Tink's description of AES256_GCM_HKDF_1MB, read literally, over a whole ciphertext."""
    salt, prefix = data[1:33], data[33:40]
    cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=of).derive(key))
    starts = range(0, len(data), 1 << 20)
    plain = b""
    for i, start in enumerate(starts):
        segment = data[max(start, 40) : start + (1 << 20)]
        nonce = prefix + i.to_bytes(4, "big") + (b"\x01" if i == len(starts) - 1 else b"\x00")
        plain += cipher.decrypt(nonce, segment, b"")
    return plain


@pytest.mark.parametrize("size", EDGES)
def test_round_trip_sizes_and_the_reference(size):
    plain = some(size)
    data = sealed(plain)
    assert opened(data) == reference(data) == plain
    assert (len(data), plaintext_size(len(data))) == (ciphertext_size(size), size)
    assert data[0] == HEADER_BYTES


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2 * SEGMENT_BYTES + 99), st.integers(1, 3 * SEGMENT_BYTES), st.integers(1, 3 * SEGMENT_BYTES))
def test_it_does_not_matter_how_the_bytes_come_in_chunks(size, in_chunks, out_chunks):
    plain = some(size)
    data = b"".join(encrypt((plain[i : i + in_chunks] for i in range(0, size, in_chunks)), KEY, OF))
    assert b"".join(decrypt((data[i : i + out_chunks] for i in range(0, len(data), out_chunks)), KEY, OF)) == plain


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40))
def test_the_sizes_are_each_others_inverse(size):
    assert plaintext_size(ciphertext_size(size)) == size


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40))
def test_a_size_that_no_ciphertext_has_is_seen(size):
    plain = plaintext_size(size)
    none = size < HEADER_BYTES + TAG_BYTES or 0 < size % SEGMENT_BYTES <= TAG_BYTES
    assert (plain < 0 or ciphertext_size(plain) != size) == none


def test_the_same_twice_gives_nothing_in_common():
    first, second = sealed(some(500)), sealed(some(500))
    assert first[1:33] != second[1:33]
    assert first[33:40] != second[33:40]
    assert first[40:80] != second[40:80]


@pytest.mark.parametrize("at", [0, 1, 32, 33, 39, 40, SEGMENT_BYTES - 1, SEGMENT_BYTES, 2 * SEGMENT_BYTES, -1])
def test_one_flipped_bit_anywhere_is_found(at):
    data = bytearray(sealed(some(FIRST + LATER + 9)))
    data[at] ^= 1
    with pytest.raises(ReleaseError, match=r"does not open|wanted a ciphertext with a header of 40 bytes, got 29"):
        opened(bytes(data))


SECOND, THIRD = slice(SEGMENT_BYTES, 2 * SEGMENT_BYTES), slice(2 * SEGMENT_BYTES, 3 * SEGMENT_BYTES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-1], "segment 3, the last, does not open"),
        (lambda data: data + b"x", "segment 3, the last, does not open"),
        (lambda data: data[: 3 * SEGMENT_BYTES], "segment 2, the last, does not open"),
        (lambda data: data[:SEGMENT_BYTES], "segment 0, the last, does not open"),
        (lambda data: data[:SEGMENT_BYTES] + data[THIRD] + data[SECOND] + data[3 * SEGMENT_BYTES :], "segment 1, does not open"),
        (lambda data: data[: 2 * SEGMENT_BYTES] + data[SECOND] + data[2 * SEGMENT_BYTES :], "segment 2, does not open"),
        (lambda data: data[:HEADER_BYTES], "segment 0, the last, does not open"),
        (lambda data: data[: HEADER_BYTES - 1], "wanted a ciphertext with a header of 40 bytes, got 28"),
        (lambda data: b"", "wanted a ciphertext with a header of 40 bytes, got nothing"),
    ],
)
def test_segments_that_are_missing_or_elsewhere_are_found(change, said):
    with pytest.raises(ReleaseError, match=said):
        opened(change(sealed(some(FIRST + 2 * LATER + 9))))


@pytest.mark.parametrize(("key", "of"), [(bytes(32), OF), (KEY, b"shard 4 of release 7"), (KEY, b"")])
def test_it_opens_with_its_key_and_at_its_place_only(key, of):
    with pytest.raises(ReleaseError, match="segment 0, the last, does not open"):
        opened(sealed(some(99)), key, of)


def test_segments_of_two_streams_under_one_key_cannot_be_mixed():
    first, second = sealed(some(FIRST + LATER)), sealed(some(FIRST + LATER, start=1))
    with pytest.raises(ReleaseError, match="segment 1, the last, does not open"):
        opened(first[:SEGMENT_BYTES] + second[SEGMENT_BYTES:])


def test_what_comes_out_before_a_refusal_was_checked():
    data = bytearray(sealed(some(FIRST + LATER + 9)))
    data[-1] ^= 1
    stream = decrypt([bytes(data)], KEY, OF)
    assert next(stream) + next(stream) == some(FIRST + LATER + 9)[: FIRST + LATER]
    with pytest.raises(ReleaseError, match="segment 2, the last"):
        next(stream)


def test_memory_stays_that_of_a_few_segments():
    chunk = bytes(SEGMENT_BYTES)
    tracemalloc.start()
    try:
        size = sum(map(len, decrypt(encrypt((chunk for _ in range(24)), KEY, OF), KEY, OF)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 24 * SEGMENT_BYTES
    assert peak < 12 * SEGMENT_BYTES
