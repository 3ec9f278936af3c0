import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.card import CARD_KEYS, CARD_TYPE, MAX_CARD_BYTES, Card, read_card
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.fields import Fields
from tests.payload.identities import identity

OWNER, OTHER = identity(), identity("entity-b")
CARD = OWNER.card
ENVELOPE = CARD.envelope(OWNER.signing)


def signed(payload, keys=OWNER.signing, payload_type=CARD_TYPE):
    return Envelope(payload, payload_type, keys.sign(payload_type, payload))


@pytest.mark.parametrize("owner", [OWNER, identity("entity-c", post_quantum=False)])
def test_round_trips(owner):
    assert Card.from_plain(Fields(owner.card.to_plain(), "a card", CARD_KEYS)) == owner.card
    assert read_card(Envelope.from_bytes(owner.card.envelope(owner.signing).to_bytes())) == owner.card
    assert len(owner.card.to_bytes()) < MAX_CARD_BYTES
    assert json.loads(owner.card.to_bytes()) == owner.card.to_plain()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 8 * len(ENVELOPE.payload) - 1))
def test_no_flipped_bit_passes(bit):
    payload = bytearray(ENVELOPE.payload)
    payload[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ReleaseError):
        read_card(replace(ENVELOPE, payload=bytes(payload)))


CHANGES = {
    "name": "entity-x",
    "endpoint": "localhost:1",
    "signing": OTHER.card.signing,
    "tls_spki": OTHER.card.tls_spki,
    "node_public_key": OTHER.card.node_public_key,
    "hpke": OTHER.card.hpke,
    "made_at": 7,
}


def test_the_fingerprint_covers_every_part():
    assert CARD.fingerprint == hashlib.sha256(ENVELOPE.payload).hexdigest()
    assert set(CHANGES) == set(CARD.__dataclass_fields__)
    prints = {replace(CARD, **{part: value}).fingerprint for part, value in CHANGES.items()}
    assert len(prints | {CARD.fingerprint}) == len(CHANGES) + 1


@pytest.mark.parametrize("part", CHANGES)
def test_signatures_of_another_card_do_not_hold(part):
    changed = replace(CARD, **{part: CHANGES[part]})
    with pytest.raises(ReleaseError, match=r"not one of this signer's|does not hold"):
        read_card(replace(ENVELOPE, payload=changed.to_bytes()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Entity"}, "lower-case"),
        ({"endpoint": "host"}, "host:port"),
        ({"endpoint": "entity-b.entity.dpm:1"}, "may not answer as"),
        ({"tls_spki": b"x"}, "a TLS key"),
        ({"node_public_key": "x"}, "a node's key"),
        ({"hpke": b"x"}, "an HPKE key"),
        ({"made_at": -1}, "made_at"),
        ({"made_at": True}, "made_at"),
    ],
)
def test_a_part_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        replace(CARD, **changes)


def plain(**changes):
    return CARD.to_plain() | changes


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (plain(version=2), "version 1, got 2"),
        (plain(more=1), "unknown keys"),
        ({key: value for key, value in plain().items() if key != "hpke"}, "lacks hpke"),
        (plain(signing=[]), "one key of ed25519"),
        (plain(signing=[{"algorithm": "rsa", "key": ""}]), "a signing key of"),
        (plain(signing=[{"algorithm": "ed25519", "key": "%"}]), "must be base64"),
        (plain(signing=["x"]), "a signing key must be a JSON object"),
        (plain(tls_spki="%"), "tls_spki must be base64"),
        (plain(made_at=1.5), "made_at must be a whole number"),
    ],
)
def test_fields_that_are_no_card_are_refused(value, said):
    with pytest.raises(ReleaseError, match=said):
        read_card(signed(canonical(value)))


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (signed(CARD.to_bytes(), payload_type="text/plain"), "wanted an envelope of"),
        (signed(b"x" * (MAX_CARD_BYTES + 1)), "may take"),
        (signed(b"x"), "not JSON"),
        (signed(json.dumps(CARD.to_plain()).encode()), "canonical form"),
        (signed(CARD.to_bytes(), OTHER.signing), "not one of this signer's"),
        (replace(ENVELOPE, signatures=()), "unsigned"),
        (replace(ENVELOPE, signatures=ENVELOPE.signatures[:1]), "downgrade"),
        (replace(ENVELOPE, signatures=(*ENVELOPE.signatures, Signature("0", b"0"))), "not one of this signer's"),
    ],
)
def test_envelopes_that_hold_no_card_of_their_signer_are_refused(envelope, said):
    with pytest.raises(ReleaseError, match=said):
        read_card(envelope)


def test_a_card_is_signed_with_its_own_keys_only():
    with pytest.raises(ReleaseError, match="keys that stand in it"):
        CARD.envelope(OTHER.signing)
