from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.signatures import check_signatures
from tests.payload.identities import identity

BOTH, ONE, OTHER = identity().signing, identity("entity-c", post_quantum=False).signing, identity("entity-b").signing
ENVELOPE = Envelope(b"the bytes", "text/plain", BOTH.sign("text/plain", b"the bytes"))
ED25519, ML_DSA = ENVELOPE.signatures


@pytest.mark.parametrize("keys", [BOTH, ONE])
@settings(max_examples=10, deadline=None)
@given(payload=st.binary(max_size=50))
def test_what_was_signed_with_every_key_passes_in_any_order(keys, payload):
    signatures = keys.sign("text/plain", payload)
    check_signatures(Envelope(payload, "text/plain", signatures), keys.public)
    check_signatures(Envelope(payload, "text/plain", signatures[::-1]), keys.public)


def altered(signature, position):
    sig = bytearray(signature.sig)
    sig[position] ^= 1
    return Signature(signature.keyid, bytes(sig))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signatures": ()}, "unsigned"),
        ({"signatures": (ED25519,)}, "downgrade.*got ed25519 without ml-dsa-65"),
        ({"signatures": (ML_DSA,)}, "downgrade.*got ml-dsa-65 without ed25519"),
        ({"signatures": (ED25519, ML_DSA, ED25519)}, "duplicate signatures: wanted one of ed25519, got 2"),
        ({"signatures": (ED25519, ED25519)}, "duplicate signatures"),
        ({"signatures": (ED25519, ML_DSA, Signature("0" * 64, b"sig"))}, "not one of this signer's"),
        ({"signatures": OTHER.sign("text/plain", b"the bytes")}, "not one of this signer's"),
        ({"payload": b"the bytez"}, "of ed25519 does not hold"),
        ({"payload_type": "text/html"}, "of ed25519 does not hold"),
        ({"signatures": (altered(ED25519, 0), ML_DSA)}, "of ed25519 does not hold"),
        ({"signatures": (ED25519, altered(ML_DSA, 3000))}, "of ml-dsa-65 does not hold"),
        ({"signatures": (Signature(ED25519.keyid, ML_DSA.sig), Signature(ML_DSA.keyid, ED25519.sig))}, "of ed25519 does not hold"),
    ],
)
def test_each_other_set_of_signatures_has_its_own_refusal(changes, said):
    check_signatures(ENVELOPE, BOTH.public)
    with pytest.raises(ReleaseError, match=said):
        check_signatures(replace(ENVELOPE, **changes), BOTH.public)


def test_two_signatures_where_one_key_is_known_are_too_many():
    ed25519_only = replace(BOTH, ml_dsa=None).public
    with pytest.raises(ReleaseError, match="not one of this signer's"):
        check_signatures(ENVELOPE, ed25519_only)
