"""Who an entity is among its peers: its keys, the roster that it believes, and the releases that it has seen before."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.replays import Replays
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase_lock import PassphraseLock
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.signed import SignedSealer, SignedVerifier
from dpm_flower.payload.verification import ReplayMemory
from dpm_flower.regime.publishing import Notary


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """One entity's own keys, whom it believes, and its memory of releases, which outlives processes.

    With `confidential`, its releases are encrypted for those who are members of the roster when they are made, itself among them.
    """

    identity: Identity
    roster: Callable[[], Roster]
    replays: ReplayMemory = field(repr=False)
    confidential: bool = False

    @classmethod
    def open(
        cls,
        identity: Path,
        roster: Path,
        lock: Path,
        replays: Path,
        passphrase: PassphraseLock | None = None,
        *,
        confidential: bool = False,
    ) -> Self:
        """Where the keys, the roster, what was pinned of it and the memory lie -> the standing. Raises as `Identity.open` does."""
        return cls(Identity.open(identity, passphrase), RosterFile(roster, lock), Replays(replays), confidential)

    def notary(self) -> Notary:
        """What seals and verifies in the entity's name."""
        recipients = self._members if self.confidential else None
        return Notary(SignedSealer(self.identity.signing), SignedVerifier(self.roster), self.replays, self.identity.hpke, recipients)

    def _members(self) -> dict[str, bytes]:
        """The names and public HPKE keys of all entities that are members now."""
        roster, now, found = self.roster(), int(time.time()), dict[str, bytes]()
        for member in roster.members:
            with suppress(ReleaseError):  # revoked, or out of time
                found[member.name] = roster.member(member.name, now, "entity").card.hpke
        return found
