"""Where a member's exchange answers: what stands on its card in the roster in force."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.payload.roster import Role, Roster


@dataclass(frozen=True, slots=True)
class RosterEndpoints:
    """Callable that finds members. The roster is asked at each call, so that one who moved is found at the new address from then on.

    `role` is what a member must be, where one is given; `clock` is in seconds since 1970 UTC. Raises ReleaseError with the roster's own
    words for who is unknown, revoked, out of time or of another role.
    """

    roster: Callable[[], Roster]
    role: Role | None = None
    clock: Callable[[], float] = time.time

    def __call__(self, name: str) -> PeerEndpoint:
        """A member's name -> where it answers."""
        return PeerEndpoint(name, self.roster().member(name, int(self.clock()), self.role).card.endpoint)
