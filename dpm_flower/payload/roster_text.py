"""A roster <-> the exact TOML bytes that its coordinators sign."""

from collections.abc import Iterator
from contextlib import contextmanager

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.card import CARD_KEYS, Card
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.moments import moment, seconds_of
from dpm_flower.payload.quorum import Quorum
from dpm_flower.payload.roster import Member, Roster, role_named
from dpm_flower.payload.roster_envelope import MAX_ROSTER_BYTES
from dpm_flower.payload.rules import shown
from dpm_flower.payload.toml_text import from_toml, to_toml

FORMAT = 1

_KEYS = frozenset({"format", "consortium", "version", "made_at", "expires_at", "coordinators", "threshold", "members"})
_MEMBER_KEYS = frozenset({"card", "roles", "valid_from", "valid_until"})
_REVOKED = frozenset({"revoked_at"})


def to_text(roster: Roster) -> bytes:
    """A roster -> its only form in TOML. Raises ReleaseError if that is more than a reader takes."""
    data = to_toml(
        {
            "format": FORMAT,
            "consortium": roster.consortium,
            "version": roster.version,
            "made_at": moment(roster.made_at),
            "expires_at": moment(roster.expires_at),
            **roster.quorum.to_plain(),
            "members": [_plain(member) for member in roster.members],
        }
    )
    if len(data) > MAX_ROSTER_BYTES:
        raise ReleaseError(f"a roster may take {MAX_ROSTER_BYTES} bytes, got {len(data)}")
    return data


def from_text(data: bytes) -> Roster:
    """Bytes, whose signatures somebody else checks -> the roster.

    Raises ReleaseError, with the place in the file, for anything but the one form of a valid roster.
    """
    fields = Fields(from_toml(data, "a roster", MAX_ROSTER_BYTES), "a roster", _KEYS)
    if fields.integer("format") != FORMAT:
        raise ReleaseError(f"wanted a roster of format {FORMAT}, got {shown(fields.integer('format'))}")
    quorum = Quorum.from_plain(fields)
    roster = Roster(
        consortium=fields.text("consortium"),
        version=fields.integer("version"),
        made_at=seconds_of(fields.text("made_at"), "made_at"),
        expires_at=seconds_of(fields.text("expires_at"), "expires_at"),
        coordinators=quorum.coordinators,
        threshold=quorum.threshold,
        members=tuple(_member(item, f"members[{place}]") for place, item in enumerate(fields.array("members"))),
    )
    if to_text(roster) != data:
        raise ReleaseError("a roster must be in canonical form: as the roster commands write it, with nothing beside it")
    return roster


def _plain(member: Member) -> dict[str, object]:
    revoked = {} if member.revoked_at is None else {"revoked_at": moment(member.revoked_at)}
    return {
        "card": member.card.to_plain(),
        "roles": sorted(member.roles),
        "valid_from": moment(member.valid_from),
        "valid_until": moment(member.valid_until),
        **revoked,
    }


def _member(item: object, place: str) -> Member:
    if not isinstance(item, dict):
        raise ReleaseError(f"{place} must be a table, got {shown(item)}")
    revoked = _REVOKED & item.keys()
    fields = Fields(item, place, _MEMBER_KEYS | revoked)
    card_fields, roles = fields.object("card", CARD_KEYS), fields.texts("roles")
    with _within(f"{place}: card"):
        card = Card.from_plain(card_fields)
    with _within(f"{place} ({card.name})"):
        return Member(
            card=card,
            roles=frozenset(role_named(role) for role in roles),
            valid_from=seconds_of(fields.text("valid_from"), "valid_from"),
            valid_until=seconds_of(fields.text("valid_until"), "valid_until"),
            revoked_at=seconds_of(fields.text("revoked_at"), "revoked_at") if revoked else None,
        )


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Puts the place in the file before whatever the block refuses."""
    try:
        yield
    except ReleaseError as err:
        raise ReleaseError(f"{place}: {err}") from err
