"""Envelopes with signatures, checked against the roster: what entities that do not trust each other's machines use."""

from collections.abc import Callable
from dataclasses import dataclass

from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import PAYLOAD_TYPE, Manifest
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.signatures import check_signatures
from dpm_flower.payload.signing_keys import SigningKeys
from dpm_flower.payload.verification import Admission, Expectation, authentic, verified
from dpm_flower.payload.verified import AuthenticRelease, VerifiedRelease


@dataclass(frozen=True, slots=True, eq=False)
class SignedSealer:
    """Signs manifests with all of an entity's signing keys."""

    keys: SigningKeys

    def seal(self, manifest: Manifest) -> Envelope:
        """A manifest -> an envelope with one signature of each key over its exact bytes."""
        payload = manifest.to_bytes()
        return Envelope(payload, PAYLOAD_TYPE, self.keys.sign(PAYLOAD_TYPE, payload))


@dataclass(frozen=True, slots=True, eq=False)
class SignedVerifier:
    """Believes a release if its sender is an entity on the roster in force, and signed it with the keys that stand there.

    `roster` is asked at each release, so that a revocation counts from the next one on.
    """

    roster: Callable[[], Roster]

    def verify(self, envelope: Envelope, expectation: Expectation) -> VerifiedRelease:
        """An envelope -> the release it stands for. Raises ReleaseError with the first check that failed."""
        return verified(envelope, expectation, self._check)

    def authenticate(self, envelope: Envelope, admission: Admission) -> AuthenticRelease:
        """The same for a relay, without the checks that only a reader can make."""
        return authentic(envelope, admission, self._check)

    def _check(self, envelope: Envelope, admission: Admission) -> None:
        sender = self.roster().member(admission.sender, admission.now, "entity")
        check_signatures(envelope, sender.card.signing)
