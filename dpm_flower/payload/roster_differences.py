"""Two versions of a roster -> what changes between them, in sentences for whoever has to sign the second."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dpm_flower.payload.card import Card
from dpm_flower.payload.moments import moment
from dpm_flower.payload.roster import Member, Roster


def differences(old: Roster | None, new: Roster) -> tuple[str, ...]:
    """The version in force (None: there is none) and the one after -> one line for each change, none left out.

    What every version has of its own is no change: its number and when it was made.
    """
    return tuple(_lines(old, new))


def _lines(old: Roster | None, new: Roster) -> Iterator[str]:
    if old is None or old.consortium != new.consortium:
        yield f"consortium {new.consortium}{f', before: {old.consortium}' if old else ''}"
    if old is None or old.expires_at != new.expires_at:
        yield f"lasts until {moment(new.expires_at)}{f', before: {moment(old.expires_at)}' if old else ''}"
    yield from _coordinators(old, new)
    before, after = _by_name(old), _by_name(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"member {name} removed"
        elif name not in before:
            yield f"member {name} added: {_standing(after[name])}, card {after[name].card.fingerprint}"
        else:
            yield from _changed(before[name], after[name])


def _coordinators(old: Roster | None, new: Roster) -> Iterator[str]:
    before = {each.name: each.keys for each in old.coordinators} if old else {}
    after = {each.name: each.keys for each in new.coordinators}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"coordinator {name} removed"
        elif before.get(name) != after[name]:
            yield f"coordinator {name} {'gets other keys' if name in before else 'added'}: {' '.join(after[name].keyids)}"
    if old is None or old.threshold != new.threshold:
        yield f"takes {new.threshold} of {len(new.coordinators)} coordinators{f', before: {old.threshold}' if old else ''}"


def _changed(old: Member, new: Member) -> Iterator[str]:
    if old.card != new.card:
        yield f"member {new.name} gets another card: {', '.join(_parts(old.card, new.card))}, card {new.card.fingerprint}"
    if old.revoked_at is None and new.revoked_at is not None:
        yield f"member {new.name} revoked at {moment(new.revoked_at)}"
        new = replace(new, revoked_at=None)  # which has been said
    if _standing(old) != _standing(new):
        yield f"member {new.name}: {_standing(new)}, before: {_standing(old)}"


def _parts(old: Card, new: Card) -> Iterator[str]:
    before, after = old.to_plain(), new.to_plain()
    for part in after:
        if before[part] != after[part]:
            yield f"endpoint {new.endpoint}, before: {old.endpoint}" if part == "endpoint" else f"other {part}"


def _standing(member: Member) -> str:
    revoked = "" if member.revoked_at is None else f", revoked at {moment(member.revoked_at)}"
    return f"{' and '.join(sorted(member.roles))}, {moment(member.valid_from)} to {moment(member.valid_until)}{revoked}"


def _by_name(roster: Roster | None) -> Mapping[str, Member]:
    return {member.name: member for member in roster.members} if roster else {}
