"""A roster -> lines for people: what it is, its digest to compare by telephone, who coordinates, and how each member stands now."""

from dpm_flower.apps.identity_command import grouped
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.moments import moment
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.roster_envelope import text_digest


def roster_lines(roster: Roster, envelope: Envelope, now: int) -> list[str]:
    """A roster, the envelope it came in, and the time in seconds since 1970 UTC -> its lines."""
    signers = ", ".join(roster.quorum.signers(envelope))
    expired = ", EXPIRED" if now >= roster.expires_at else ""
    return [
        f"consortium   {roster.consortium}",
        f"version      {roster.version}, made {moment(roster.made_at)}, lasts until {moment(roster.expires_at)}{expired}",
        f"digest       {grouped(text_digest(envelope))}",
        f"signed by    {signers}; it takes {roster.threshold} of {len(roster.coordinators)} coordinators",
        *(f"coordinator  {each.name}: {key.algorithm} {grouped(key.keyid)}" for each in roster.coordinators for key in each.keys.keys),
        *(f"member       {_member_line(roster, member, now)}" for member in roster.members),
    ]


def _member_line(roster: Roster, member: Member, now: int) -> str:
    roles = " and ".join(sorted(member.roles))
    return f"{member.name}: {roles} at {member.card.endpoint}, {_standing(roster, member, now)}, card {grouped(member.card.fingerprint)}"


def _standing(roster: Roster, member: Member, now: int) -> str:
    try:
        roster.member(member.name, now)
    except ReleaseError as err:
        return f"NOT IN FORCE: {err}"
    return f"until {moment(member.valid_until)}"
