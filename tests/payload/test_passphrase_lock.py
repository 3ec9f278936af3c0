import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload.passphrase_lock import COST, LEAST_COST, MAX_LOCKED_BYTES, MOST_COST, PassphraseLock, _checksum, is_locked
from tests.payload.identities import quick_lock

LOCK = quick_lock()
SEALED = LOCK.seal(b"a private key", "tls.key")


@settings(max_examples=10, deadline=None)
@given(st.binary(max_size=100), st.text(max_size=10))
def test_what_one_lock_seals_the_same_passphrase_opens(plain, name):
    sealed = LOCK.seal(plain, name)
    assert is_locked(sealed)
    assert LOCK.open(sealed, name) == plain
    assert len(plain) < 4 or plain not in sealed


def test_another_lock_of_the_same_passphrase_opens_it():
    assert quick_lock().open(SEALED, "tls.key") == b"a private key"


def test_one_lock_derives_once_and_two_have_different_salts():
    again, other = LOCK.seal(b"a private key", "tls.key"), quick_lock().seal(b"a private key", "tls.key")
    first, again, other = (json.loads(sealed) for sealed in (SEALED, again, other))
    assert first["salt"] == again["salt"] != other["salt"]
    assert first["nonce"] != again["nonce"]
    assert first["locked"] != again["locked"]


def test_the_usual_cost_is_not_the_tests():
    assert json.loads(PassphraseLock(b"correct horse battery").seal(b"", "x"))["cost"] == COST > LEAST_COST


@pytest.mark.parametrize("cost", [LEAST_COST, 2 * LEAST_COST])
def test_the_key_is_scrypts_of_that_cost(cost):
    sealed = json.loads(PassphraseLock(b"correct horse battery", cost).seal(b"a private key", "tls.key"))
    salt, nonce, locked = (base64.b64decode(sealed[part]) for part in ("salt", "nonce", "locked"))
    key = hashlib.scrypt(b"correct horse battery", salt=salt, n=cost, r=8, p=1, dklen=32, maxmem=1 << 26)
    bound = canonical({"cost": cost, "format": sealed["format"], "name": "tls.key", "salt": sealed["salt"]})
    assert AESGCM(key).decrypt(nonce, locked, bound) == b"a private key"


@pytest.mark.parametrize("passphrase", [b"correct horse batterz", b"Correct horse battery", b"correct horse battery "])
def test_another_passphrase_is_told_so(passphrase):
    with pytest.raises(SettingError, match=r"wrong passphrase for tls\.key"):
        quick_lock(passphrase).open(SEALED, "tls.key")


def test_a_file_under_another_name_does_not_open():
    with pytest.raises(SettingError, match="wrong passphrase"):
        LOCK.open(SEALED, "node.key")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 8 * len(SEALED) - 1))
def test_no_flipped_bit_passes_or_is_taken_for_a_wrong_passphrase(bit):
    data = bytearray(SEALED)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ReleaseError):
        LOCK.open(bytes(data), "tls.key")


def forged(**changes):
    value = {key: part for key, part in json.loads(SEALED).items() if key != "checksum"} | changes
    return canonical(value | {"checksum": _checksum(value)})


@pytest.mark.parametrize(
    "changes", [{"cost": LEAST_COST * 2}, {"nonce": "AAAAAAAAAAAAAAAA"}, {"salt": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"locked": "AAAA"}]
)
def test_altered_parts_with_a_new_checksum_do_not_open(changes):
    with pytest.raises(SettingError, match="wrong passphrase"):
        LOCK.open(forged(**changes), "tls.key")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (SEALED[:-1], "not JSON"),
        (b"{}", "lacks"),
        (b"{" * (MAX_LOCKED_BYTES + 1), "may take"),
        (forged(format="x"), "wanted the format"),
        (forged(cost=MOST_COST * 2), "cost must be"),
        (forged(cost=LEAST_COST // 2), "cost must be"),
        (forged(cost=LEAST_COST + 1), "a power of two"),
        (forged(salt="AAAA"), "16 bytes of salt"),
        (forged(nonce="AAAA"), "12 of nonce"),
        (forged(locked="%"), "locked must be base64"),
        (canonical(json.loads(SEALED) | {"checksum": "0" * 64}), "checksum"),
    ],
)
def test_what_is_no_locked_key_is_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        LOCK.open(data, "tls.key")


def test_short_passphrases_are_refused():
    with pytest.raises(SettingError, match="at least 12 bytes, got 11"):
        PassphraseLock(b"x" * 11)


def test_a_pem_file_is_not_locked():
    assert not is_locked(b"-----BEGIN PRIVATE KEY-----")
