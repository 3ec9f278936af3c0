"""The roster: who takes part in a consortium, with which keys, in which role and for how long, and who may change that."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.card import Card
from dpm_flower.payload.moments import LAST_MOMENT, moment
from dpm_flower.payload.quorum import Coordinator, Quorum

MAX_MEMBERS = 256  # of about 7 KB each, most of it post-quantum keys

Role: TypeAlias = Literal["entity", "relay"]  # an entity makes releases; a relay passes them on
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One who takes part: its card, what it may do, from when until when, and since when no longer (None: not revoked).

    Times are whole seconds since 1970 UTC. Raises ReleaseError for values that no roster may hold.
    """

    card: Card
    roles: frozenset[Role]
    valid_from: int
    valid_until: int
    revoked_at: int | None = None

    def __post_init__(self) -> None:
        if not self.roles or not self.roles <= set(ROLES):
            raise ReleaseError(f"roles must be {' or '.join(ROLES)}, or both, got {rules.shown(sorted(self.roles))}")
        rules.count(self.valid_from, "valid_from", 0, LAST_MOMENT)
        rules.count(self.valid_until, "valid_until", 0, LAST_MOMENT)
        if self.valid_until <= self.valid_from:
            raise ReleaseError(f"valid_until must lie after valid_from {moment(self.valid_from)}, got {moment(self.valid_until)}")
        if self.revoked_at is not None:
            rules.count(self.revoked_at, "revoked_at", 0, LAST_MOMENT)

    @property
    def name(self) -> str:
        """The entity's name."""
        return self.card.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """One version of a consortium's roster. Coordinators and members stand in the order of their names, no key under two names.

    Times are whole seconds since 1970 UTC. Raises ReleaseError for values that a reader would refuse.
    """

    consortium: str
    version: int
    made_at: int
    expires_at: int
    coordinators: tuple[Coordinator, ...]
    threshold: int
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        rules.text(self.consortium, "consortium")
        rules.count(self.version, "version", 1)
        rules.count(self.made_at, "made_at", 0, LAST_MOMENT)
        rules.count(self.expires_at, "expires_at", 0, LAST_MOMENT)
        if self.expires_at <= self.made_at:
            raise ReleaseError(f"expires_at must lie after made_at {moment(self.made_at)}, got {moment(self.expires_at)}")
        Quorum(self.coordinators, self.threshold)
        rules.count(len(self.members), "the number of members", 0, MAX_MEMBERS)
        names = [member.name for member in self.members]
        if names != sorted(set(names)):
            raise ReleaseError(f"members must have different names, in order, got {rules.shown(names)}")
        self._check_keys()

    @property
    def quorum(self) -> Quorum:
        """Who may sign this version, and the next one."""
        return Quorum(self.coordinators, self.threshold)

    def entry(self, name: str) -> Member | None:
        """An entity's name -> its entry, revoked or not, or None if it has none. Whether it may act, `member` tells."""
        return next((member for member in self.members if member.name == name), None)

    def member(self, name: str, now: int, role: Role | None = None) -> Member:
        """An entity's name -> its entry, if it may act at `now`, in `role` where one is given.

        Raises ReleaseError: the roster has expired; the member is unknown, revoked (whatever the clock says: clocks differ, and a
        revocation counts at once), not yet valid, no longer valid, or has another role.
        """
        if now >= self.expires_at:
            raise ReleaseError(
                f"the roster expired: version {self.version} was good until {moment(self.expires_at)}; a newer one is wanted"
            )
        member = self.entry(name)
        if member is None:
            raise ReleaseError(f"{rules.shown(name)} is unknown: not on version {self.version} of the roster of {self.consortium}")
        if member.revoked_at is not None:
            raise ReleaseError(f"{name} is revoked since {moment(member.revoked_at)}")
        if now < member.valid_from:
            raise ReleaseError(f"{name} is not yet a valid member: from {moment(member.valid_from)}, and it is {moment(now)}")
        if now >= member.valid_until:
            raise ReleaseError(f"{name} is an expired member: until {moment(member.valid_until)}, and it is {moment(now)}")
        if role is not None and role not in member.roles:
            raise ReleaseError(f"{name} has the wrong role: wanted {role}, its roles are {', '.join(sorted(member.roles))}")
        return member

    def _check_keys(self) -> None:
        for kind, owners in (
            ("signing", [*_signing(self.coordinators), *_signing(self.members)]),
            ("TLS", [(member.card.tls_spki, member.name) for member in self.members]),
            ("node-authentication", [(member.card.node_public_key, member.name) for member in self.members]),
            ("HPKE", [(member.card.hpke, member.name) for member in self.members]),
        ):
            seen: dict[object, str] = {}
            for key, owner in owners:
                if (first := seen.setdefault(key, owner)) != owner:
                    raise ReleaseError(f"{first} and {owner} have the same {kind} key; each needs keys of its own")
        keys = {coordinator.name: coordinator.keys for coordinator in self.coordinators}
        for member in self.members:
            if keys.get(member.name, member.card.signing) != member.card.signing:
                raise ReleaseError(f"{member.name} has other signing keys as a coordinator than as a member")


def role_named(text: str) -> Role:
    """Text from outside -> the role of that name. Raises ReleaseError for another."""
    for role in ROLES:
        if role == text:
            return role
    raise ReleaseError(f"a role must be {' or '.join(ROLES)}, got {rules.shown(text)}")


def _signing(of: Iterable[Coordinator | Member]) -> list[tuple[object, str]]:
    return [(key, each.name) for each in of for key in (each.keys.keys if isinstance(each, Coordinator) else each.card.signing.keys)]
