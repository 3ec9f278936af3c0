from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import PAYLOAD_TYPE
from dpm_flower.payload.signed import SignedSealer, SignedVerifier
from dpm_flower.payload.verification import Admission, Sealer, Verifier
from tests.payload.examples import NOW, expectation, manifest
from tests.payload.roster_examples import DAY, identity, member, roster

SEALER: Sealer = SignedSealer(identity("entity-b").signing)
VERIFIER: Verifier = SignedVerifier(roster)
SEALED = SEALER.seal(manifest())
ADMISSION = Admission(campaign="c-0123", sender="entity-b", now=NOW, replays={})


def sealed_by(name, generation=0, **changes):
    return SignedSealer(identity(name, generation).signing).seal(manifest(**changes))


def of(**changes):
    return lambda: roster(members=(member("entity-b", **changes),))


def test_what_is_sealed_verifies_after_it_was_written_and_read():
    envelope = Envelope.from_bytes(SEALED.to_bytes())
    assert VERIFIER.verify(envelope, expectation()).manifest == manifest()
    assert VERIFIER.authenticate(envelope, ADMISSION).manifest == manifest()


def test_a_roster_decides_how_many_keys_sign():
    one_key = of(card=identity("entity-b", 1).card)
    assert len(sealed_by("entity-b", 1).signatures) == 1
    SignedVerifier(one_key).verify(sealed_by("entity-b", 1), expectation())
    with pytest.raises(ReleaseError, match="is not one of this signer's"):
        SignedVerifier(one_key).verify(SEALED, expectation())


def test_the_roster_is_asked_at_each_release():
    members = [member("entity-b")]
    verifier = SignedVerifier(lambda: roster(members=tuple(members)))
    verifier.verify(SEALED, expectation())
    members[0] = member("entity-b", revoked_at=NOW)
    with pytest.raises(ReleaseError, match="entity-b is revoked"):
        verifier.verify(SEALED, expectation())


def no_roster():
    raise ReleaseError("this site is held to no roster")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda: roster(members=()), "'entity-b' is unknown"),
        (of(revoked_at=NOW - 5), "entity-b is revoked"),
        (of(valid_until=NOW), "entity-b is an expired member"),
        (of(valid_from=NOW + 1), "entity-b is not yet a valid member"),
        (of(roles=frozenset({"relay"})), "entity-b has the wrong role"),
        (lambda: roster(expires_at=NOW), "the roster expired"),
        (of(card=identity("entity-b", 2).card), "is not one of this signer's"),
        (no_roster, "held to no roster"),
    ],
)
def test_a_signer_who_may_not_release_is_refused_for_readers_and_relays(source, said):
    with pytest.raises(ReleaseError, match=said):
        SignedVerifier(source).verify(SEALED, expectation())
    with pytest.raises(ReleaseError, match=said):
        SignedVerifier(source).authenticate(SEALED, ADMISSION)


FIRST, SECOND = SEALED.signatures


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (replace(SEALED, signatures=()), "unsigned"),
        (replace(SEALED, signatures=(FIRST,)), "downgrade: .* without ml-dsa-65"),
        (replace(SEALED, signatures=(SECOND,)), "downgrade: .* without ed25519"),
        (replace(SEALED, signatures=(FIRST, SECOND, SECOND)), "duplicate signatures"),
        (replace(SEALED, signatures=(FIRST, FIRST)), "duplicate signatures"),
        (replace(SEALED, signatures=(FIRST, SECOND, *sealed_by("entity-a").signatures)), "is not one of this signer's"),
        (sealed_by("entity-a"), "is not one of this signer's"),
        (replace(SEALED, payload=manifest(samples=11).to_bytes()), "does not hold for these bytes"),
        (replace(SEALED, signatures=(FIRST, replace(SECOND, sig=SECOND.sig[:-1] + bytes([SECOND.sig[-1] ^ 1])))), "signature of ml-dsa-65"),
        (replace(SEALED, signatures=(replace(FIRST, sig=SECOND.sig), SECOND)), "signature of ed25519"),
        (Envelope(SEALED.payload, PAYLOAD_TYPE, identity("entity-b").signing.sign("text/plain", SEALED.payload)), "does not hold"),
        (replace(SEALED, payload_type="text/plain"), "wanted an envelope of"),
        (Envelope(b"no JSON", PAYLOAD_TYPE, SEALED.signatures), "does not hold for these bytes"),
        (sealed_by("entity-b", sender="entity-a"), "wanted a release of entity-b, got one of entity-a"),
    ],
)
def test_an_envelope_that_is_not_exactly_its_senders_is_refused_and_not_remembered(envelope, said):
    replays = {}
    with pytest.raises(ReleaseError, match=said):
        VERIFIER.verify(envelope, expectation(replays=replays))
    with pytest.raises(ReleaseError, match=said):
        VERIFIER.authenticate(envelope, replace(ADMISSION, replays=replays))
    assert replays == {}


def test_a_release_of_somebody_else_is_refused_whoever_handed_it_in():
    with pytest.raises(ReleaseError, match="is not one of this signer's"):
        VERIFIER.verify(SEALED, expectation(sender="entity-a"))


def test_everything_else_is_checked():
    with pytest.raises(ReleaseError, match="expired at"):
        SignedVerifier(lambda: roster(expires_at=NOW + 9 * DAY)).verify(SEALED, expectation(now=manifest().expires_at))
