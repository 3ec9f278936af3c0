import hashlib
import json

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib import dsse
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import signing_keys
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.signing_keys import RAW_BYTES, PublicKey, SigningKeys, VerifyingKeys, signed_bytes
from tests.payload.identities import identity

KEYS = identity().signing
ED25519, ML_DSA = KEYS.public.keys


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=20), st.binary(max_size=100))
def test_every_key_signs_and_only_these_bytes_of_this_type(payload_type, payload):
    signatures = KEYS.sign(payload_type, payload)
    assert tuple(signature.keyid for signature in signatures) == KEYS.public.keyids
    for key, signature in zip(KEYS.public.keys, signatures, strict=True):
        assert key.verifies(signature.sig, signed_bytes(payload_type, payload))
        assert not key.verifies(signature.sig, signed_bytes(payload_type, payload + b"x"))
        assert not key.verifies(signature.sig, signed_bytes(payload_type + "x", payload))
        assert not key.verifies(signature.sig[:-1], signed_bytes(payload_type, payload))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=20), st.binary(max_size=20), st.text("ab 1", max_size=9), st.text("ab 1", max_size=9))
def test_what_is_signed_tells_every_payload_and_type_apart(payload, other_payload, kind, other_kind):
    same = (kind, payload) == (other_kind, other_payload)
    assert (signed_bytes(kind, payload) == signed_bytes(other_kind, other_payload)) == same


def test_what_is_signed_is_written_out_as_dsse_says():
    assert signed_bytes("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_another_reader_of_dsse_verifies_the_ed25519_signature():
    envelope = Envelope(b"bytes", "text/plain", KEYS.sign("text/plain", b"bytes"))
    read = dsse.Envelope.from_dict(json.loads(envelope.to_bytes()))
    key = SSlibKey(ED25519.keyid, "ed25519", "ed25519", {"public": ED25519.raw.hex()})
    assert read.verify([key], 1) == {ED25519.keyid: key}
    read.payload += b"x"
    with pytest.raises(VerificationError):
        read.verify([key], 1)


def test_a_keys_name_covers_algorithm_and_bytes():
    assert hashlib.sha256(b"ed25519\0" + ED25519.raw).hexdigest() == ED25519.keyid
    assert len({ED25519.keyid, ML_DSA.keyid, PublicKey("ed25519", bytes(32)).keyid}) == 3


@pytest.mark.parametrize("keys", [KEYS.public, VerifyingKeys((ED25519,))])
def test_keys_are_read_back_from_their_plain_form(keys):
    assert VerifyingKeys.from_plain(json.loads(json.dumps(keys.to_plain()))) == keys


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"more": ""}, "a signing key has unknown keys"),
        ({"algorithm": "rsa"}, "wanted a signing key of"),
        ({"key": "!"}, "a signing key must be base64"),
        ({"key": ""}, "a public key of ed25519 has 32 bytes"),
    ],
)
def test_a_plain_form_of_something_else_is_refused(changes, said):
    (plain,) = VerifyingKeys((ED25519,)).to_plain()
    with pytest.raises(ReleaseError, match=said):
        VerifyingKeys.from_plain([plain | changes])


def test_keys_are_new_each_time_and_without_ml_dsa_there_is_one():
    first, second = SigningKeys.generate(post_quantum=False), SigningKeys.generate(post_quantum=False)
    assert first.public != second.public
    assert [key.algorithm for key in first.public.keys] == ["ed25519"]
    assert len(first.sign("t", b"p")) == 1


def test_public_keys_are_values_and_private_ones_are_not_shown():
    again = VerifyingKeys(tuple(PublicKey(key.algorithm, key.raw) for key in KEYS.public.keys))
    assert again == KEYS.public
    assert len({again, KEYS.public}) == 1
    assert KEYS.ed25519.private_bytes_raw().hex() not in repr(KEYS)
    assert "Ed25519PrivateKey" not in repr(KEYS)


@pytest.mark.parametrize(
    ("algorithm", "raw", "said"),
    [
        ("rsa", bytes(32), "wanted a signing key of ed25519 or ml-dsa-65"),
        ("ed25519", bytes(31), "has 32 bytes"),
        ("ml-dsa-65", bytes(32), "has 1952 bytes"),
        ("ed25519", "x" * 32, "has 32 bytes"),
    ],
)
def test_what_is_no_key_is_refused(algorithm, raw, said):
    with pytest.raises(ReleaseError, match=said):
        PublicKey(algorithm, raw)


@pytest.mark.parametrize("keys", [(), (ML_DSA,), (ML_DSA, ED25519), (ED25519, ED25519), (ED25519, ML_DSA, ML_DSA)])
def test_other_sets_of_keys_are_refused(keys):
    with pytest.raises(ReleaseError, match="one key of ed25519"):
        VerifyingKeys(keys)


def test_lengths_are_those_of_the_librarys_keys():
    assert {key.algorithm: len(key.raw) for key in KEYS.public.keys} == RAW_BYTES


def test_a_machine_without_the_algorithm_is_told_so(monkeypatch):
    def lacking(*_):
        raise UnsupportedAlgorithm("no")

    monkeypatch.setattr(signing_keys.MLDSA65PrivateKey, "generate", lacking)
    monkeypatch.setattr(signing_keys.MLDSA65PublicKey, "from_public_bytes", lacking)
    with pytest.raises(SettingError, match="without ml-dsa-65"):
        SigningKeys.generate()
    with pytest.raises(SettingError, match="without ml-dsa-65"):
        ML_DSA.verifies(b"s", b"m")
