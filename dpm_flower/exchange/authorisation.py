"""Who may call: an entity that is on the roster now, with the very TLS key that stands there."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dpm_flower.core.errors import DpmFlowerError, ReleaseError, SettingError
from dpm_flower.payload.certificates import spki
from dpm_flower.payload.roster import Roster


@dataclass(frozen=True, slots=True)
class OnTheRoster:
    """Callable that lets a member's certificate pass. The roster is asked at each call, so that a revocation counts at once.

    `clock` is in seconds since 1970 UTC. Raises ReleaseError, with the roster's own words for who is unknown, revoked or out of time,
    and for a certificate on another key than the member's card: who stole a key that was replaced has such a one. Raises SettingError,
    which is no word for the caller, if there is no good roster.
    """

    roster: Callable[[], Roster]
    clock: Callable[[], float] = time.time

    def __call__(self, name: str, certificate: bytes) -> None:
        """The entity that a certificate in PEM names, and the certificate -> nothing, if it may call."""
        member = self._in_force().member(name, int(self.clock()))
        if spki(certificate) != member.card.tls_spki:
            raise ReleaseError(f"the certificate of {name} is for another TLS key than the one on its card in the roster")

    def _in_force(self) -> Roster:
        try:
            return self.roster()
        except DpmFlowerError as err:
            raise SettingError(f"nobody may call, there is no roster: {err}") from err
