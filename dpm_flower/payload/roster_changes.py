"""What coordinators do to a roster: each change gives the next version, which nobody has signed yet."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.card import Card
from dpm_flower.payload.moments import moment
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Member, Role, Roster
from dpm_flower.payload.rules import shown


def founded(consortium: str, coordinators: Iterable[Card], threshold: int, *, now: int, lasts_s: int) -> Roster:
    """A new consortium's first version, without members. Raises ReleaseError as Roster does."""
    return Roster(
        consortium=consortium,
        version=1,
        made_at=now,
        expires_at=now + lasts_s,
        coordinators=_coordinators(coordinators),
        threshold=threshold,
    )


def with_member(roster: Roster, card: Card, roles: Collection[Role], *, now: int, lasts_s: int) -> Roster:
    """Adds a member, or takes a revoked one back under a card without any key of the revoked one."""
    old = roster.entry(card.name)
    if old is not None:
        if old.revoked_at is None:
            raise ReleaseError(f"{card.name} is on the roster already: wanted a new name, or rotate for new keys")
        if shared := _shared_keys(old.card, card):
            raise ReleaseError(f"{card.name} was revoked: wanted a card with keys of its own, got the revoked {', '.join(shared)}")
    member = Member(card=card, roles=frozenset(roles), valid_from=now, valid_until=now + lasts_s)
    return _next(roster, now, members=[*_others(roster, card.name), member])


def with_revoked(roster: Roster, name: str, *, now: int) -> Roster:
    """Revokes a member, whose entry stays, so that refusals can say so."""
    member = _in_force(roster, name)
    if any(coordinator.name == name for coordinator in roster.coordinators):
        raise ReleaseError(f"{name} is a coordinator too: wanted the coordinators without {name} first")
    return _next(roster, now, members=[*_others(roster, name), replace(member, revoked_at=now)])


def with_card(roster: Roster, card: Card, *, now: int) -> Roster:
    """Puts a newer card in the place of the old one of that name, whose keys stop, as a member, a coordinator, or both."""
    old = roster.entry(card.name)
    if old is not None:
        _in_force(roster, card.name)
        if card.made_at <= old.card.made_at:
            raise ReleaseError(f"wanted a newer card of {card.name} than the one made at {old.card.made_at}, got {card.made_at}")
    if old is None and all(coordinator.name != card.name for coordinator in roster.coordinators):
        raise ReleaseError(f"{card.name} is neither a member nor a coordinator: wanted one whose keys to change")
    members = [*_others(roster, card.name), *([replace(old, card=card)] if old else [])]
    coordinators = tuple(replace(each, keys=card.signing) if each.name == card.name else each for each in roster.coordinators)
    return _next(roster, now, members=members, coordinators=coordinators)


def with_endpoint(roster: Roster, card: Card, *, now: int) -> Roster:
    """Lets a member answer at the endpoint of a newer card that has its very keys: signed with them, such a card is its own word."""
    old = _in_force(roster, card.name).card
    if other := _other_keys(old, card):
        raise ReleaseError(
            f"{card.name} moves under the keys that it has: wanted a card with those, got another {', another '.join(other)}"
        )
    if card.endpoint == old.endpoint:
        raise ReleaseError(f"{card.name} answers at {old.endpoint} already: wanted a card with another endpoint")
    return with_card(roster, card, now=now)


def with_coordinators(roster: Roster, coordinators: Iterable[Card], threshold: int, *, now: int) -> Roster:
    """Puts other coordinators and another threshold in the place of the old ones, who have to sign that too."""
    return _next(roster, now, coordinators=_coordinators(coordinators), threshold=threshold)


def with_longer_membership(roster: Roster, name: str, *, now: int, lasts_s: int) -> Roster:
    """Lets a membership last that long from now on."""
    member = _in_force(roster, name)
    return _next(roster, now, members=[*_others(roster, name), replace(member, valid_until=now + lasts_s)])


def renewed(roster: Roster, *, now: int, lasts_s: int) -> Roster:
    """The same once more, to last that long from now on; so will the versions after it."""
    return replace(roster, version=roster.version + 1, made_at=now, expires_at=now + lasts_s)


def _next(
    roster: Roster,
    now: int,
    *,
    members: Iterable[Member] | None = None,
    coordinators: tuple[Coordinator, ...] | None = None,
    threshold: int | None = None,
) -> Roster:
    """The next version with what is given changed; it lasts as long from now as the one before did from when it was made."""
    return replace(
        renewed(roster, now=now, lasts_s=roster.expires_at - roster.made_at),
        members=roster.members if members is None else tuple(sorted(members, key=lambda member: member.name)),
        coordinators=roster.coordinators if coordinators is None else coordinators,
        threshold=roster.threshold if threshold is None else threshold,
    )


def _coordinators(cards: Iterable[Card]) -> tuple[Coordinator, ...]:
    return tuple(Coordinator(card.name, card.signing) for card in sorted(cards, key=lambda card: card.name))


def _others(roster: Roster, name: str) -> list[Member]:
    return [member for member in roster.members if member.name != name]


def _in_force(roster: Roster, name: str) -> Member:
    member = roster.entry(name)
    if member is None:
        raise ReleaseError(f"wanted a member of {roster.consortium}, got {shown(name)}; its members are {_names(roster)}")
    if member.revoked_at is not None:
        raise ReleaseError(f"{name} is revoked since {moment(member.revoked_at)}: wanted a member in force")
    return member


def _names(roster: Roster) -> str:
    return ", ".join(member.name for member in roster.members) or "none yet"


def _shared_keys(old: Card, new: Card) -> list[str]:
    shared = ["signing key"] if set(old.signing.keys) & set(new.signing.keys) else []
    return [*shared, *(kind for kind, (before, after) in _other_pairs(old, new).items() if before == after)]


def _other_keys(old: Card, new: Card) -> list[str]:
    other = ["signing key"] if old.signing != new.signing else []
    return [*other, *(kind for kind, (before, after) in _other_pairs(old, new).items() if before != after)]


def _other_pairs(old: Card, new: Card) -> dict[str, tuple[object, object]]:
    """Of the keys that do not sign: what each is called, before and after."""
    return {
        "TLS key": (old.tls_spki, new.tls_spki),
        "node-authentication key": (old.node_public_key, new.node_public_key),
        "HPKE key": (old.hpke, new.hpke),
    }
