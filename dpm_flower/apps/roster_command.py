"""`dpm-flower roster`: who takes part, changed by coordinators, signed by enough of them, and followed by every site."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dpm_flower.apps import roster_drafts
from dpm_flower.apps.identity_command import grouped
from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.roster_drafts import Draft, draft_path, listed
from dpm_flower.apps.roster_lines import roster_lines
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import roster_changes, roster_lock
from dpm_flower.payload.card import Card, read_card
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES, Envelope
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase import passphrase_lock
from dpm_flower.payload.roster import Roster, role_named
from dpm_flower.payload.roster_differences import differences
from dpm_flower.payload.roster_envelope import read_envelope

DAY_S = 86_400


def init(path: Path, consortium: str, coordinators: Sequence[Path], threshold: int, days: int) -> int:
    """Leaves a new consortium's first roster as a draft -> the exit code."""

    def work() -> None:
        cards = [_card(each) for each in coordinators]
        first = roster_changes.founded(consortium, cards, threshold, now=_now(), lasts_s=days * DAY_S)
        _report(path, roster_drafts.found(path, first))

    return exit_code(work)


def add(path: Path, card: Path, roles: str, days: int) -> int:
    """Adds a member, in a draft -> the exit code."""

    def change(roster: Roster) -> Roster:
        named = [role_named(role.strip()) for role in roles.split(",")]
        return roster_changes.with_member(roster, _card(card), named, now=_now(), lasts_s=days * DAY_S)

    return _change(path, change)


def revoke(path: Path, name: str) -> int:
    """Revokes a member, in a draft -> the exit code."""
    return _change(path, lambda roster: roster_changes.with_revoked(roster, name, now=_now()))


def rotate(path: Path, card: Path) -> int:
    """Puts a newer card in the place of a member's or a coordinator's old one, in a draft -> the exit code."""
    return _change(path, lambda roster: roster_changes.with_card(roster, _card(card), now=_now()))


def move(path: Path, card: Path) -> int:
    """Lets a member answer at the endpoint of a newer card with the same keys, in a draft -> the exit code."""
    return _change(path, lambda roster: roster_changes.with_endpoint(roster, _read_card(card), now=_now()))


def coordinate(path: Path, cards: Sequence[Path], threshold: int) -> int:
    """Changes who coordinates, in a draft -> the exit code."""
    return _change(path, lambda roster: roster_changes.with_coordinators(roster, [_card(each) for each in cards], threshold, now=_now()))


def renew(path: Path, name: str | None, days: int) -> int:
    """Makes a membership, or without a name the roster itself, last for days from now, in a draft -> the exit code."""

    def change(roster: Roster) -> Roster:
        if name is None:
            return roster_changes.renewed(roster, now=_now(), lasts_s=days * DAY_S)
        return roster_changes.with_longer_membership(roster, name, now=_now(), lasts_s=days * DAY_S)

    return _change(path, change)


def sign(path: Path, identity: Path, descriptor: int | None, credential: str | None) -> int:
    """Signs the draft, which comes into force with the last signature it wants, and prints what it changes -> the exit code."""

    def work() -> None:
        keys = Identity.open(identity, passphrase_lock(descriptor, credential)).signing
        _report(path, roster_drafts.sign(path, keys))

    return exit_code(work)


def show(path: Path) -> int:
    """Prints the roster in force and the draft beside it -> the exit code."""

    def work() -> None:
        current, draft = roster_drafts.in_force(path), roster_drafts.pending(path)
        if current is None and draft is None:
            raise SettingError(f"no roster at {path}, and no draft beside it")
        if current is not None:
            print("\n".join(roster_lines(*current, _now())))
        if draft is not None:
            _report(path, draft)

    return exit_code(work)


def check(path: Path, lock: Path | None, *, pin: bool) -> int:
    """Checks a roster's signatures and dates, and with a lock that it is what the site may accept next, which it then is held to.

    The exit code is 1 for a roster that may not be used, also for an expired one, which nevertheless can be followed to newer ones.
    """

    def work() -> None:
        envelope = _roster_file(path)
        roster = _checked(envelope, lock, pin)
        print("\n".join(roster_lines(roster, envelope, _now())))
        if lock is None:
            print("not compared with any roster that this site accepted before: that takes --lock FILE")
        else:
            print(f"{lock} holds this site to version {roster.version}")
        if pin:
            print("compare the digest with a coordinator by telephone before anything here relies on it")
        if _now() >= roster.expires_at:
            raise ReleaseError(f"version {roster.version} has expired and cannot be used: a newer one is wanted")

    return exit_code(work)


def _checked(envelope: Envelope, lock: Path | None, pin: bool) -> Roster:
    if lock is None:
        if pin:
            raise SettingError("--pin wants a lock to write: --lock FILE")
        return roster_lock.self_signed(envelope)
    try:
        return roster_lock.pin(lock, envelope) if pin else roster_lock.follow(lock, envelope)
    except OSError as err:
        raise SettingError(f"cannot read {lock}: {err.strerror}") from err


def _change(path: Path, change: Callable[[Roster], Roster]) -> int:
    return exit_code(lambda: _report(path, roster_drafts.propose(path, change)))


def _report(path: Path, draft: Draft) -> None:
    """Prints what a draft changes, and whose signatures it wants."""
    print(f"version {draft.roster.version} of the roster of {draft.roster.consortium}:")
    for line in differences(draft.before, draft.roster):
        print(f"  {line}")
    if not draft.wanting:
        print(f"in force: {path}, which every site gets now")
        return
    for quorum in draft.wanting:
        signers = ", ".join(quorum.signers(draft.envelope)) or "nobody"
        print(f"wants the signatures of {listed(quorum)}; signed by {signers} so far")
    print(f"draft: {draft_path(path)}, to be signed with: dpm-flower roster sign --identity DIR")


def _card(path: Path) -> Card:
    card = _read_card(path)
    print(f"card of {card.name}: compare its fingerprint by telephone: {grouped(card.fingerprint)}")
    return card


def _read_card(path: Path) -> Card:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ENVELOPE_BYTES + 1)
    except OSError as err:
        raise SettingError(f"cannot read the card {path}: {err.strerror}") from err
    try:
        return read_card(Envelope.from_bytes(data))
    except ReleaseError as err:
        raise ReleaseError(f"the card {path}: {err}") from err


def _roster_file(path: Path) -> Envelope:
    try:
        return read_envelope(path)
    except OSError as err:
        raise SettingError(f"cannot read {path}: {err.strerror}") from err


def _now() -> int:
    return int(time.time())
