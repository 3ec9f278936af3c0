"""`dpm-flower release` with a roster: releases judged by who signed them, out of a file or where they lie in a pool."""

import shutil
import time
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.apps.release_command import found, opened
from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange import layout
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.release_file import read_release
from dpm_flower.exchange.replays import Replays
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.signed import SignedVerifier
from dpm_flower.payload.verification import MAX_RELEASE_BYTES, Admission, ReplayMemory, Verifier
from dpm_flower.payload.verified import AuthenticRelease


def import_signed(pool: Path, file: Path, roster: Path, lock: Path, campaign: str | None) -> int:
    """A pool, a release's file, the roster and its lock -> the exit code. `campaign`: the only one that is taken, or None for any."""
    return exit_code(lambda: print(import_release(Pool(pool), pool, file, SignedVerifier(RosterFile(roster, lock)), campaign)))


def verify_signed(pool: Path, digest: str, roster: Path, lock: Path) -> int:
    """A pool, the beginning of a release's digest, the roster and its lock -> the exit code, after every byte and signature was checked."""

    def work() -> None:
        held = opened(pool)
        whole = found(held, digest).digest
        release = authenticated(held.envelope(whole), SignedVerifier(RosterFile(roster, lock)), {})
        held.verify(whole)
        print(f"{whole}: signed by {release.manifest.sender}, {release.manifest.size_bytes} bytes, all as its envelope says")

    return exit_code(work)


def import_release(pool: Pool, folder: Path, file: Path, verifier: Verifier, campaign: str | None) -> str:
    """A pool, its folder, a release's file, and whom to believe -> the release's digest, once it is in the pool.

    Raises ReleaseError for a release that is refused, OutputError where the pool cannot be written.
    """
    replays, room = Replays(folder / layout.REPLAYS), shutil.disk_usage(folder).free

    def judged(envelope: Envelope) -> AuthenticRelease:
        try:
            return authenticated(envelope, verifier, replays, campaign, room)
        except ReleaseError as err:
            pool.audit_log.append("refused", digest=envelope.digest, reason=str(err))
            raise

    return read_release(pool, file, judged)


def authenticated(
    envelope: Envelope, verifier: Verifier, replays: ReplayMemory, campaign: str | None = None, max_bytes: int = MAX_RELEASE_BYTES
) -> AuthenticRelease:
    """An envelope -> its release, if it is the word of the sender whom it names. Raises ReleaseError with the check that failed.

    A file has no other sender than the one it claims; that claim is what the signatures are then held against.
    """
    claim = Claim.of(envelope)
    wanted = claim.campaign if campaign is None else campaign
    admission = Admission(campaign=wanted, sender=claim.sender, now=int(time.time()), replays=replays, max_bytes=max_bytes)
    return verifier.authenticate(envelope, admission)
