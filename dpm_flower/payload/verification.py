"""From claim to verified release: an envelope and what its reader expects -> a VerifiedRelease, or ReleaseError with the reason."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import MAX_MANIFEST_BYTES, PAYLOAD_TYPE, Manifest
from dpm_flower.payload.released_spec import ReleasedSpec, kind_of
from dpm_flower.payload.rules import shown
from dpm_flower.payload.verified import PROOF, VerifiedRelease

CLOCK_SKEW_S = 300  # sites without good time keeping are a few minutes apart; as much as Kerberos allows
MAX_RELEASE_BYTES = 1 << 40  # 1 TiB: features of the largest published task, four times over

ReleaseId: TypeAlias = tuple[str, str, int]  # sender, campaign, sequence


class ReplayMemory(Protocol):
    """Which manifest each (sender, campaign, sequence) stood for when it was first seen. A dict is one, for one run."""

    def setdefault(self, release: ReleaseId, digest: str, /) -> str:
        """The digest first seen for this release; `digest` if there was none, which is then remembered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """What a reader asks of a release. `sender` is who handed the envelope in; `receiver` empty: a relay, which reads nobody's data.

    `now` is in seconds since 1970 UTC; `max_bytes` is what the reader's disk can spare for this release.
    """

    campaign: str
    sender: str
    spec: ReleasedSpec
    classes: int
    now: int
    replays: ReplayMemory
    receiver: str = ""
    max_bytes: int = MAX_RELEASE_BYTES


class Sealer(Protocol):
    """Makes claims: holds what an entity signs with."""

    def seal(self, manifest: Manifest) -> Envelope:
        """A manifest -> the envelope under which it leaves."""
        ...


class Verifier(Protocol):
    """Turns claims into verified releases: holds whom to believe."""

    def verify(self, envelope: Envelope, expectation: Expectation) -> VerifiedRelease:
        """An envelope -> the release it stands for. Raises ReleaseError with the first check that failed."""
        ...


SignatureCheck: TypeAlias = Callable[[Envelope, Expectation], None]


def verified(envelope: Envelope, expectation: Expectation, check_signatures: SignatureCheck) -> VerifiedRelease:
    """The one order of checks. `check_signatures` raises ReleaseError unless the envelope's payload is the sender's own word.

    Source: DESIGN.md, "Trust". Two checks of the list need the shards: their digests while they stream (exchange/pool.py),
    and finite values and labels in range (payload/codec.py).
    """
    # 1. Size: before anything is decoded.
    if len(envelope.payload) > MAX_MANIFEST_BYTES:
        raise ReleaseError(f"a manifest may take {MAX_MANIFEST_BYTES} bytes, got {len(envelope.payload)}")
    # 2. Well-formed: the envelope says that it holds a manifest. (Its JSON was checked by Envelope.from_bytes.)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ReleaseError(f"wanted an envelope of {PAYLOAD_TYPE}, got {shown(envelope.payload_type)}")
    # 3. Signer known and valid; 4. signatures over the exact bytes. What is decoded below has passed here.
    check_signatures(envelope, expectation)
    # 5. Schema.
    manifest = Manifest.from_bytes(envelope.payload)
    # 6. The release we wait for: sender, campaign, addressee, spec, labels, size.
    _check_expected(manifest, expectation)
    # 7. Time, then replay: last, so that nothing refused above is ever remembered.
    _check_time(manifest, expectation.now)
    _check_replay(manifest, envelope, expectation.replays)
    return VerifiedRelease(manifest, envelope, PROOF)


def _check_expected(manifest: Manifest, expectation: Expectation) -> None:
    if manifest.sender != expectation.sender:
        raise ReleaseError(f"wanted a release of {expectation.sender}, got one of {manifest.sender}")
    if manifest.campaign != expectation.campaign:
        raise ReleaseError(f"wanted a release of campaign {expectation.campaign}, got one of {manifest.campaign}")
    if expectation.receiver and manifest.recipients and expectation.receiver not in (*manifest.recipients, manifest.sender):
        raise ReleaseError(f"this release is for {shown(manifest.recipients)}, not for {expectation.receiver}")
    _check_spec(manifest.spec, expectation.spec)
    if manifest.classes != expectation.classes:
        raise ReleaseError(f"wanted labels of {expectation.classes} classes, got {manifest.classes}")
    if manifest.size_bytes > expectation.max_bytes:
        raise ReleaseError(f"a release may take {expectation.max_bytes} bytes, got {manifest.size_bytes}")


def _check_spec(came: ReleasedSpec, wanted: ReleasedSpec) -> None:
    if kind_of(came) != kind_of(wanted):
        raise ReleaseError(f"wanted a release of {kind_of(wanted)}, got {kind_of(came)}")
    for part in fields(wanted):
        if getattr(came, part.name) != getattr(wanted, part.name):
            raise ReleaseError(f"wanted {part.name} {getattr(wanted, part.name)}, got {shown(getattr(came, part.name))}")


def _check_time(manifest: Manifest, now: int) -> None:
    if manifest.made_at > now + CLOCK_SKEW_S:
        raise ReleaseError(f"made at {manifest.made_at}, which lies {manifest.made_at - now} s ahead; {CLOCK_SKEW_S} s are allowed")
    if manifest.expires_at <= now:
        raise ReleaseError(f"expired at {manifest.expires_at}, {now - manifest.expires_at} s ago")


def _check_replay(manifest: Manifest, envelope: Envelope, replays: ReplayMemory) -> None:
    # The digest of the signed bytes, not of the envelope: a relay that adds a signature must not make the true one a replay.
    digest = hashlib.sha256(envelope.payload).hexdigest()
    first = replays.setdefault((manifest.sender, manifest.campaign, manifest.sequence), digest)
    if first != digest:
        raise ReleaseError(
            f"replay: {manifest.sender} used sequence {manifest.sequence} of {manifest.campaign} before, with digest {first}, got {digest}"
        )
