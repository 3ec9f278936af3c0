"""The lock: what a site accepted last of a consortium's roster, and so which roster it will accept next."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.quorum import Quorum
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.roster_envelope import check_kind, text_digest
from dpm_flower.payload.roster_text import from_text

MAX_LOCK_BYTES = 64 << 10  # seven coordinators with two keys each take about 20 KB

_KEYS = frozenset({"consortium", "version", "digest", "coordinators", "threshold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterLock:
    """The highest version that a site accepted, the SHA-256 of its signed text, and the coordinators who may sign the next.

    Source: how a client updates its root of trust, The Update Framework's specification, 5.3.
    """

    consortium: str
    version: int
    digest: str
    quorum: Quorum

    def __post_init__(self) -> None:
        rules.text(self.consortium, "consortium")
        rules.count(self.version, "version", 1)
        rules.sha256(self.digest, "digest")

    @classmethod
    def on(cls, roster: Roster, envelope: Envelope) -> "RosterLock":
        """A roster that was found good, and the envelope that it came in -> the lock that holds a site to it."""
        return cls(consortium=roster.consortium, version=roster.version, digest=text_digest(envelope), quorum=roster.quorum)

    def follow(self, envelope: Envelope) -> Roster:
        """An envelope from anybody -> the roster in it, if it is the accepted one or a rightful successor; in date or not.

        Raises ReleaseError: too few of the accepted version's coordinators signed it (looked at before it is decoded), or of its own;
        it is another consortium's, an older version, or the accepted version with other content.
        """
        check_kind(envelope)
        try:
            self.quorum.check(envelope, f"the coordinators of version {self.version}, which this site accepted last")
        except ReleaseError as err:
            raise ReleaseError(f"{err}; if they changed more than once since, check the versions between in their order first") from err
        roster = self_signed(envelope)
        if roster.consortium != self.consortium:
            raise ReleaseError(f"wanted the roster of {self.consortium}, got that of {roster.consortium}")
        if roster.version < self.version:
            raise ReleaseError(f"an older roster: this site accepted version {self.version} before, got {roster.version}")
        if roster.version == self.version and (came := text_digest(envelope)) != self.digest:
            raise ReleaseError(f"another roster of the same version {self.version}: accepted {self.digest}, got {came}")
        return roster

    def to_bytes(self) -> bytes:
        """The lock -> canonical JSON."""
        plain = {"consortium": self.consortium, "version": self.version, "digest": self.digest}
        return canonical({**plain, **self.quorum.to_plain()})

    @classmethod
    def from_bytes(cls, data: bytes) -> "RosterLock":
        """Bytes of a site's own file -> the lock. Raises ReleaseError for what is none."""
        fields = Fields.parse(data, "a roster's lock", _KEYS, MAX_LOCK_BYTES)
        return cls(
            consortium=fields.text("consortium"),
            version=fields.integer("version"),
            digest=fields.text("digest"),
            quorum=Quorum.from_plain(fields),
        )


def self_signed(envelope: Envelope) -> Roster:
    """An envelope -> the roster in it, signed by as many of its own coordinators as it asks for.

    That proves nothing about who they are: somebody has to compare the digest of a first roster with them. Other signatures are passed
    over, since those of an earlier version's coordinators stay on the roster that changed them. Raises ReleaseError.
    """
    check_kind(envelope)
    roster = from_text(envelope.payload)
    roster.quorum.check(envelope, "its own coordinators")
    return roster


def read_lock(path: Path) -> RosterLock:
    """A site's lock. Raises ReleaseError where there is none or it is damaged, OSError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return RosterLock.from_bytes(file.read(MAX_LOCK_BYTES + 1))
    except FileNotFoundError as err:
        raise _unpinned(path) from err


def pin(lock_path: Path, envelope: Envelope) -> Roster:
    """Holds a site to its first roster, whose digest somebody compared with the coordinators; in date or not.

    Raises ReleaseError for a roster that its own coordinators did not sign, or if the site has accepted one before: what it is held to
    is lost only by removing the file. Raises OutputError where the lock cannot be written.
    """
    roster = self_signed(envelope)
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write {lock_path}: {err}") from err
    with _alone(lock_path):
        if lock_path.exists():
            raise ReleaseError(f"{lock_path} holds this site to version {read_lock(lock_path).version} already: wanted a first roster")
        _write(lock_path, RosterLock.on(roster, envelope))
    return roster


def follow(lock_path: Path, envelope: Envelope) -> Roster:
    """An envelope from anybody -> its roster, as `RosterLock.follow` judges it; the site is held to it from now on.

    Several processes of a site may share a lock: none sets it back. Raises OSError, ReleaseError and OutputError as the steps do.
    """
    with _alone(lock_path):
        lock = read_lock(lock_path)
        roster = lock.follow(envelope)
        if (newer := RosterLock.on(roster, envelope)) != lock:
            _write(lock_path, newer)
    return roster


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds off other writers of the same lock. The folder is what is locked, since the file itself is replaced by each of them."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as err:
        raise _unpinned(path) from err
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _unpinned(path: Path) -> ReleaseError:
    return ReleaseError(f"this site is held to no roster yet: there is no {path}, which roster check --pin makes")


def _write(path: Path, lock: RosterLock) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(lock.to_bytes())
