"""`dpm-flower exchange serve --relay`: a pool and a roster -> an intake that takes members' own releases, and reads none of them."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from dpm_flower.exchange import layout
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.relay import RelayIntake
from dpm_flower.exchange.replays import Replays
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.signed import SignedVerifier
from dpm_flower.payload.verification import Admission
from dpm_flower.payload.verified import AuthenticRelease

SPARE_BYTES = 1 << 30  # of the disk, which nobody's release may take


def intake_of(folder: Path) -> Callable[[Pool, RosterFile], RelayIntake]:
    """The folder of a relay's pool -> what makes its intake, once there is a server for it."""
    return lambda pool, roster: relay_intake(pool, folder, roster)


def relay_intake(pool: Pool, folder: Path, roster: Callable[[], Roster]) -> RelayIntake:
    """A relay's pool, its folder, and the roster -> what takes releases of any campaign from the members who signed them."""
    verifier, replays = SignedVerifier(roster), Replays(folder / layout.REPLAYS)

    def authenticate(envelope: Envelope, peer: str) -> AuthenticRelease:
        room = max(0, shutil.disk_usage(folder).free - SPARE_BYTES)
        campaign = Claim.of(envelope).campaign  # of whichever it says: a relay waits for none
        admission = Admission(campaign=campaign, sender=peer, now=int(time.time()), replays=replays, max_bytes=room)
        return verifier.authenticate(envelope, admission)

    return RelayIntake(pool, authenticate)
