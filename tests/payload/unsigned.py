"""Envelopes without signatures, for simulations on one machine, where every entity is the same process or the same user."""

from dataclasses import dataclass

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import PAYLOAD_TYPE, Manifest
from dpm_flower.payload.verification import Admission, Expectation, authentic, verified
from dpm_flower.payload.verified import AuthenticRelease, VerifiedRelease


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Sealer and verifier that prove nothing about who made a release. Everything else is checked as with signatures.

    Refuses an envelope that carries signatures: one that nobody checks must not pass for one that somebody did.
    """

    def seal(self, manifest: Manifest) -> Envelope:
        """A manifest -> an envelope with no signatures."""
        return Envelope(manifest.to_bytes(), PAYLOAD_TYPE, ())

    def verify(self, envelope: Envelope, expectation: Expectation) -> VerifiedRelease:
        """An envelope without signatures -> the release. Raises ReleaseError with the first check that failed."""
        return verified(envelope, expectation, _check_none)

    def authenticate(self, envelope: Envelope, admission: Admission) -> AuthenticRelease:
        """The same for a relay, without the checks that only a reader can make."""
        return authentic(envelope, admission, _check_none)


def _check_none(envelope: Envelope, _: Admission) -> None:
    if envelope.signatures:
        raise ReleaseError(f"an unsigned simulation cannot check signatures, got an envelope with {len(envelope.signatures)}")
