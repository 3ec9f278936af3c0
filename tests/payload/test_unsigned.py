import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.unsigned import Unsigned
from dpm_flower.payload.verification import Sealer, Verifier
from tests.payload.examples import expectation, manifest

SEALER: Sealer = Unsigned()
VERIFIER: Verifier = Unsigned()


def test_what_is_sealed_verifies_after_it_was_written_and_read():
    envelope = Envelope.from_bytes(SEALER.seal(manifest()).to_bytes())
    assert VERIFIER.verify(envelope, expectation()).manifest == manifest()


def test_sealing_is_deterministic():
    assert SEALER.seal(manifest()).to_bytes() == SEALER.seal(manifest()).to_bytes()


def test_a_signed_envelope_is_refused_since_nobody_checks_it():
    signed = Envelope(manifest().to_bytes(), SEALER.seal(manifest()).payload_type, (Signature("k", b"sig"),))
    with pytest.raises(ReleaseError, match="cannot check signatures"):
        VERIFIER.verify(signed, expectation())


def test_everything_else_is_checked():
    with pytest.raises(ReleaseError, match="expired"):
        VERIFIER.verify(SEALER.seal(manifest()), expectation(now=manifest().expires_at))
