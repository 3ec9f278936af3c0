"""From claim to verified release: an envelope and what its reader expects -> a VerifiedRelease, or ReleaseError with the reason.

For a relay, which reads nobody's data: an envelope -> an AuthenticRelease, by those of the checks that need no reader.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.payload.confidential import commitment
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.manifest import MAX_MANIFEST_BYTES, PAYLOAD_TYPE, Manifest
from dpm_flower.payload.released_spec import BoxedSpec, ReleasedSpec, kind_of, sample_bytes
from dpm_flower.payload.rules import shown
from dpm_flower.payload.verified import PROOF, AuthenticRelease, VerifiedRelease
from dpm_flower.payload.wrapping import unwrap

CLOCK_SKEW_S = 300  # sites without good time keeping are a few minutes apart; as much as Kerberos allows
MAX_RELEASE_BYTES = 1 << 40  # 1 TiB: features of the largest published task, four times over

ReleaseId: TypeAlias = tuple[str, str, int]  # sender, campaign, sequence


class ReplayMemory(Protocol):
    """Which manifest each (sender, campaign, sequence) stood for when it was first seen. A dict is one, for one run."""

    def setdefault(self, release: ReleaseId, digest: str, /) -> str:
        """The digest first seen for this release; `digest` if there was none, which is then remembered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Admission:
    """What whoever takes a release in asks of it, a relay included. `sender` is who handed the envelope in.

    `now` is in seconds since 1970 UTC; `max_bytes` is what the own disk can spare for this release.
    """

    campaign: str
    sender: str
    now: int
    replays: ReplayMemory
    max_bytes: int = MAX_RELEASE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation(Admission):
    """What a reader asks beyond that. `receiver` is its name, `hpke` are the keys under which confidential releases reach it.

    Without a name it is not asked whether the release is for it, and it opens no confidential one.
    """

    spec: ReleasedSpec
    classes: int
    receiver: str = ""
    hpke: HpkeKeys | None = None


class Sealer(Protocol):
    """Makes claims: holds what an entity signs with."""

    def seal(self, manifest: Manifest) -> Envelope:
        """A manifest -> the envelope under which it leaves."""
        ...


class Verifier(Protocol):
    """Turns claims into releases that somebody checked: holds whom to believe."""

    def verify(self, envelope: Envelope, expectation: Expectation) -> VerifiedRelease:
        """An envelope -> the release it stands for, for its reader. Raises ReleaseError with the first check that failed."""
        ...

    def authenticate(self, envelope: Envelope, admission: Admission) -> AuthenticRelease:
        """An envelope -> the release it stands for, for a relay. Raises ReleaseError with the first check that failed."""
        ...


SignatureCheck: TypeAlias = Callable[[Envelope, Admission], None]


def verified(envelope: Envelope, expectation: Expectation, check_signatures: SignatureCheck) -> VerifiedRelease:
    """The one order of checks. `check_signatures` raises ReleaseError unless the envelope's payload is the sender's own word.

    Source: DESIGN.md, "Trust". Two checks of the list need the shards: their digests while they stream (exchange/pool.py),
    and finite values and labels in range (payload/codec.py).
    """
    manifest = _admitted(envelope, expectation, check_signatures)
    # 6. The release we wait for: spec, labels, addressee; and the key that opens it.
    _check_expected(manifest, expectation)
    key = _key(manifest, expectation)
    # 7. Time, then replay: last, so that nothing refused above is ever remembered.
    _check_fresh(manifest, envelope, expectation)
    return VerifiedRelease(manifest, envelope, PROOF, key)


def authentic(envelope: Envelope, admission: Admission, check_signatures: SignatureCheck) -> AuthenticRelease:
    """The same order of checks without those that only a reader can make (6)."""
    manifest = _admitted(envelope, admission, check_signatures)
    _check_fresh(manifest, envelope, admission)
    return AuthenticRelease(manifest, envelope, PROOF)


def _admitted(envelope: Envelope, admission: Admission, check_signatures: SignatureCheck) -> Manifest:
    # 1. Size: before anything is decoded.
    if len(envelope.payload) > MAX_MANIFEST_BYTES:
        raise ReleaseError(f"a manifest may take {MAX_MANIFEST_BYTES} bytes, got {len(envelope.payload)}")
    # 2. Well-formed: the envelope says that it holds a manifest. (Its JSON was checked by Envelope.from_bytes.)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ReleaseError(f"wanted an envelope of {PAYLOAD_TYPE}, got {shown(envelope.payload_type)}")
    # 3. Signer known and valid; 4. signatures over the exact bytes. What is decoded below has passed here.
    check_signatures(envelope, admission)
    # 5. Schema; then whose it is, of which campaign, and how large.
    manifest = Manifest.from_bytes(envelope.payload)
    if manifest.sender != admission.sender:
        raise ReleaseError(f"wanted a release of {admission.sender}, got one of {manifest.sender}")
    if manifest.campaign != admission.campaign:
        raise ReleaseError(f"wanted a release of campaign {admission.campaign}, got one of {manifest.campaign}")
    if manifest.size_bytes > admission.max_bytes:
        why = ": no more can be spared on the reader's disk" if admission.max_bytes < MAX_RELEASE_BYTES else ""
        raise ReleaseError(f"a release may take {admission.max_bytes} bytes, got {manifest.size_bytes}{why}")
    return manifest


def _check_expected(manifest: Manifest, expectation: Expectation) -> None:
    if expectation.receiver and manifest.recipients and expectation.receiver not in (*manifest.recipients, manifest.sender):
        raise ReleaseError(f"this release is for {shown(manifest.recipients)}, not for {expectation.receiver}")
    _check_spec(manifest.spec, expectation.spec)
    _check_room(manifest, expectation.max_bytes)
    if manifest.classes != expectation.classes:
        raise ReleaseError(f"wanted labels of {expectation.classes} classes, got {manifest.classes}")


def _check_spec(came: ReleasedSpec, wanted: ReleasedSpec) -> None:
    if kind_of(came) != kind_of(wanted):
        raise ReleaseError(f"wanted a release of {kind_of(wanted)}, got {kind_of(came)}")
    if isinstance(came, BoxedSpec) and isinstance(wanted, BoxedSpec):
        _check_spec(came.features, wanted.features)  # so that it is said which part of them differs
    for part in fields(wanted):
        if getattr(came, part.name) != getattr(wanted, part.name):
            raise ReleaseError(f"wanted {part.name} {getattr(wanted, part.name)}, got {shown(getattr(came, part.name))}")


def _check_room(manifest: Manifest, max_bytes: int) -> None:
    """What a codec made small is as large as any other once it is decoded; a black picture takes next to nothing before."""
    coded = isinstance(manifest.spec, FeatureSpec) and manifest.spec.codec
    if coded and (decoded := manifest.samples * sample_bytes(manifest.spec)) > max_bytes:
        raise ReleaseError(f"a release may take {max_bytes} bytes, got one of {decoded} once it is decoded")


def _key(manifest: Manifest, expectation: Expectation) -> bytes:
    """The key that opens the release's shards, empty where they are open; before anything of them is fetched."""
    if manifest.encryption == "none":
        return b""
    wrapped = manifest.wrapped_keys.get(expectation.receiver)
    if wrapped is None:
        raise ReleaseError(f"this release is confidential and has no key for {shown(expectation.receiver)}")
    if expectation.hpke is None:
        raise ReleaseError(f"this release is confidential, and {expectation.receiver} has no private key here to open it")
    key = unwrap(wrapped, expectation.hpke.private, manifest.binding, expectation.receiver)
    if commitment(key) != manifest.key_commitment:
        raise ReleaseError(f"the key that was wrapped for {expectation.receiver} is not the one to which the manifest commits")
    return key


def _check_fresh(manifest: Manifest, envelope: Envelope, admission: Admission) -> None:
    _check_time(manifest, admission.now)
    _check_replay(manifest, envelope, admission.replays)


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
