from dataclasses import replace

import pytest

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.listing import ENDED, LISTING_KEYS, Listing
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.fields import Fields
from tests.payload.examples import manifest
from tests.payload.unsigned import Unsigned


def example(state="held", admitted_at=7, **changes):
    envelope = Unsigned().seal(manifest(**changes))
    return Listing.of(envelope.digest, envelope, state, admitted_at)


def test_it_lists_what_the_envelope_claims():
    envelope = Unsigned().seal(manifest())
    listing, claim = Listing.of(envelope.digest, envelope, "held", 7), Claim.of(envelope)
    for name in LISTING_KEYS - {"digest", "payload_digest", "state", "admitted_at"}:
        assert getattr(listing, name) == getattr(claim, name)
    assert (listing.digest, listing.state, listing.admitted_at) == (envelope.digest, "held", 7)


def test_a_manifest_has_one_payload_digest_in_whatever_envelope():
    envelope = Unsigned().seal(manifest())
    signed = Envelope(envelope.payload, envelope.payload_type, (Signature("k", b"s"),))
    assert Listing.of(envelope.digest, envelope, "held", 7).payload_digest == Listing.of(signed.digest, signed, "held", 7).payload_digest
    assert example().payload_digest != example(sequence=6).payload_digest


@pytest.mark.parametrize("state", ["held", "damaged", *ENDED])
def test_it_is_read_back_from_its_json(state):
    listing = example(state)
    fields = Fields.parse(canonical(listing.to_plain()), "a listing", LISTING_KEYS, 9999)
    assert Listing.from_plain(fields) == listing


@pytest.mark.parametrize(
    "changes", [{"state": "lost"}, {"digest": "../x"}, {"payload_digest": ""}, {"sequence": "5"}, {"recipients": "ab"}]
)
def test_values_of_other_kinds_are_refused(changes):
    with pytest.raises(ReleaseError, match=next(iter(changes))):
        Listing.from_plain(Fields(example().to_plain() | changes, "a listing", LISTING_KEYS))


def test_listings_are_values():
    assert len({example(), example(), replace(example(), state="damaged")}) == 2
