"""The roster in force and the draft of the next one, in two files side by side: how a change becomes a roster that sites accept.

A draft lies beside the roster, so that services which read that one never meet half of the signatures. Each version that came into force
also stays in a file of its own: a site that was away while the coordinators changed has to check these in their order.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.quorum import Quorum
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_envelope import PAYLOAD_TYPE, read_envelope, write_envelope
from dpm_flower.payload.roster_lock import self_signed
from dpm_flower.payload.roster_text import from_text, to_text
from dpm_flower.payload.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class Draft:
    """A next version, the envelope in which it gathers signatures, and the version in force (None: it is the first)."""

    roster: Roster
    envelope: Envelope
    before: Roster | None

    @property
    def wanting(self) -> tuple[Quorum, ...]:
        """Those of whom too few have signed so far: the coordinators in force, and its own if they differ; none: it is complete."""
        quorums = dict.fromkeys([self.before.quorum, self.roster.quorum] if self.before else [self.roster.quorum])
        return tuple(quorum for quorum in quorums if len(quorum.signers(self.envelope)) < quorum.threshold)

    def signed(self, keys: SigningKeys) -> "Draft":
        """The draft with one more coordinator's signatures.

        Raises ReleaseError for keys of nobody whose signature is wanted, and of somebody who has signed.
        """
        public = keys.public
        if any(signature.keyid in public.keyids for signature in self.envelope.signatures):
            raise ReleaseError(f"these keys have signed version {self.roster.version} already: wanted another coordinator's")
        if not any(coordinator.keys == public for quorum in self.wanting for coordinator in quorum.coordinators):
            wanted = " and ".join(listed(quorum) for quorum in self.wanting)
            raise ReleaseError(f"version {self.roster.version} wants the signatures of {wanted}, got the keys of none of them")
        signatures = *self.envelope.signatures, *keys.sign(PAYLOAD_TYPE, self.envelope.payload)
        return replace(self, envelope=replace(self.envelope, signatures=signatures))


def listed(quorum: Quorum) -> str:
    """A quorum -> how many of whom, for people."""
    return f"{quorum.threshold} of {', '.join(coordinator.name for coordinator in quorum.coordinators)}"


def draft_path(path: Path) -> Path:
    """Where the draft of the roster at `path` lies."""
    return path.with_name(f"{path.stem}.draft{path.suffix}")


def kept_path(path: Path, version: int) -> Path:
    """Where a version that came into force stays."""
    return path.with_name(f"{path.stem}.v{version}{path.suffix}")


def in_force(path: Path) -> tuple[Roster, Envelope] | None:
    """The roster in the file, signed by its own coordinators, and its envelope; None where there is no file. Raises ReleaseError."""
    envelope = _read(path)
    return None if envelope is None else (self_signed(envelope), envelope)


def pending(path: Path) -> Draft | None:
    """The draft beside the roster at `path`; None where there is none, or only what is left of one that came into force.

    Raises ReleaseError for a damaged one, one with signatures that do not hold, and one of another consortium.
    """
    current, envelope = in_force(path), _read(draft_path(path))
    if envelope is None:
        return None
    draft = Draft(from_text(envelope.payload), envelope, current[0] if current else None)
    if draft.before is not None:
        if draft.roster.version <= draft.before.version:
            return None
        if draft.roster.consortium != draft.before.consortium:
            raise ReleaseError(f"wanted a draft of {draft.before.consortium}, got one of {draft.roster.consortium}")
    _ = draft.wanting  # raises for signatures that do not hold
    return draft


def propose(path: Path, change: Callable[[Roster], Roster]) -> Draft:
    """Makes the change to the draft, or to the roster in force, and leaves the result as the new draft, signed by nobody.

    Signatures of a draft that is changed again are lost with its version: they were over other bytes.
    """
    current, draft = in_force(path), pending(path)
    before = current[0] if current else None
    latest = draft.roster if draft else before
    if latest is None:
        raise SettingError(f"no roster at {path}: wanted one that roster init made")
    return _leave(path, change(latest), before)


def found(path: Path, first: Roster) -> Draft:
    """Leaves a new consortium's first roster as a draft. Raises OutputError where there is a roster or a draft already."""
    for taken in (path, draft_path(path)):
        if taken.exists():
            raise OutputError(f"{taken} is there already: wanted a path for a new consortium's roster")
    return _leave(path, first, None)


def sign(path: Path, keys: SigningKeys) -> Draft:
    """Signs the draft; once nobody's signature is wanting, it comes into force: it takes the roster's place in one step.

    Raises SettingError where there is no draft, ReleaseError as `Draft.signed` does, OutputError where it cannot be written.
    """
    draft = pending(path)
    if draft is None:
        raise SettingError(f"no draft at {draft_path(path)}: wanted a change that waits for signatures")
    draft = draft.signed(keys)
    if draft.wanting:
        write_envelope(draft_path(path), draft.envelope)
        return draft
    write_envelope(kept_path(path, draft.roster.version), draft.envelope)
    write_envelope(path, draft.envelope)
    draft_path(path).unlink(missing_ok=True)
    return draft


def _leave(path: Path, roster: Roster, before: Roster | None) -> Draft:
    draft = Draft(roster, Envelope(to_text(roster), PAYLOAD_TYPE, ()), before)
    write_envelope(draft_path(path), draft.envelope)
    return draft


def _read(path: Path) -> Envelope | None:
    try:
        return read_envelope(path)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise SettingError(f"cannot read {path}: {err.strerror}") from err
