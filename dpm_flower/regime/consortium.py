"""A simulated consortium: its entities' names -> keys and a roster for each of them, below the folder of a run.

Every entity of a simulation signs and verifies as a deployed one does, so that both take one path; that all keys lie on one disk is what
makes it a simulation.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import ReleaseError, StudyError
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.payload.development_ca import CERTIFICATE_NAME
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import CARD_NAME, Identity, card_in
from dpm_flower.payload.roster_changes import founded, with_member
from dpm_flower.payload.roster_envelope import PAYLOAD_TYPE, read_envelope, write_envelope
from dpm_flower.payload.roster_lock import pin, self_signed
from dpm_flower.payload.roster_text import to_text
from dpm_flower.regime.site import Site

LASTS_S = 10 * 365 * 24 * 3600  # a run's folder is gone before that
ENDPOINT = "localhost:8443"  # a simulated exchange takes any free port and says which


@dataclass(frozen=True, slots=True)
class Consortium:
    """Where the parts of a simulated consortium lie below a run's folder."""

    run: Path

    @property
    def roster(self) -> Path:
        """The signed roster, which all entities read."""
        return self.run / "consortium" / "roster.toml"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signs the entities' TLS certificates; there where exchanges run over gRPC."""
        return self.run / "consortium" / "authority" / CERTIFICATE_NAME

    def certificate(self, name: str) -> Path:
        """An entity's TLS certificate; there where exchanges run over gRPC."""
        return self.site(name).folder / "tls.crt"

    def address(self, name: str) -> Path:
        """The file in which "host:port" of an entity's exchange stands, while it runs."""
        return self.run / "consortium" / "addresses" / name

    def endpoint(self, name: str) -> PeerEndpoint:
        """Where an entity's exchange answers. Raises ReleaseError where none runs."""
        try:
            return PeerEndpoint(name, self.address(name).read_text())
        except OSError as err:
            raise ReleaseError(f"no exchange of {name} is running: {err}") from err

    def site(self, name: str) -> Site:
        """An entity's own folder."""
        return Site(self.run / "sites" / name)

    def found(self, names: Sequence[str], endpoints: Mapping[str, str] | None = None) -> None:
        """Makes what is not there yet; again is harmless. The coordinator's keys are gone afterwards: nobody changes this roster.

        `endpoints` are the addresses on the entities' cards, by name, where their exchanges have fixed ones.
        Raises StudyError where the folder has a consortium of others, OutputError where it cannot be written.
        """
        if self.roster.exists():
            self._check(names)
            return
        now = int(time.time())
        coordinator = Identity.generate("simulation", ENDPOINT, now=now)
        roster = founded("simulation", [coordinator.card], 1, now=now, lasts_s=LASTS_S)
        for name in names:
            folder = self.site(name).identity
            if not (folder / CARD_NAME).exists():
                folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                Identity.create(folder, name, (endpoints or {}).get(name, ENDPOINT), now=now)
            roster = with_member(roster, card_in(folder)[1], ["entity"], now=now, lasts_s=LASTS_S)
        text = to_text(roster)
        envelope = Envelope(text, PAYLOAD_TYPE, coordinator.signing.sign(PAYLOAD_TYPE, text))
        for name in names:
            lock = self.site(name).roster_lock
            lock.unlink(missing_ok=True)  # of a start that was killed before the roster was there
            pin(lock, envelope)
        self.roster.parent.mkdir(parents=True, exist_ok=True)
        write_envelope(self.roster, envelope)

    def _check(self, names: Sequence[str]) -> None:
        try:
            found = {member.name for member in self_signed(read_envelope(self.roster)).members}
        except (OSError, ReleaseError) as err:
            raise StudyError(f"the simulated consortium of {self.run} is damaged: {err}") from err
        if found != set(names):
            raise StudyError(f"{self.run} has a consortium of {', '.join(sorted(found))}, wanted one of {', '.join(names)}")
