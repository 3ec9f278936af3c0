"""The pool: the verified releases that one entity holds, its own and its peers', each whole or not there at all."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.exchange import layout, stored
from dpm_flower.exchange.admission import Files, Source, admit
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.exchange.burial import bury
from dpm_flower.exchange.claim import Claim
from dpm_flower.exchange.index import Index
from dpm_flower.exchange.listing import Listing
from dpm_flower.exchange.opening import tidy
from dpm_flower.exchange.parts import Parts
from dpm_flower.exchange.rebuilding import asked
from dpm_flower.exchange.shard_place import shard_store
from dpm_flower.exchange.shard_store import ShardStore
from dpm_flower.exchange.staging import Staging
from dpm_flower.exchange.stream import checked
from dpm_flower.exchange.tombstones import Tombstone, Tombstones
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.rules import shown
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import AuthenticRelease, VerifiedRelease


class Pool:
    """A folder of releases, each under the digest of its envelope. Several processes may use one pool at once.

    Opening makes the folder, and puts right what processes that died have left. `site` names whose pool it is in its audit log;
    without it the log keeps the name that it has. `store` holds the shards; without it they lie where the pool's folder remembers that
    they do, which is in the releases' folders unless they were settled elsewhere. `clock` gives seconds since 1970 UTC.
    Raises OutputError if the folder cannot be written, PoolError if its audit log is damaged or another site's, or its store does not
    answer.
    """

    def __init__(self, folder: Path, *, site: str = "", store: ShardStore | None = None, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        try:
            (folder / layout.RELEASES).mkdir(parents=True, exist_ok=True)
            self._parts = Parts(
                folder=folder,
                store=store or shard_store(folder),
                staging=Staging(folder / layout.STAGING),
                tombstones=Tombstones(folder),
                index=Index(folder / layout.INDEX),
                audit_log=AuditLog(folder / layout.AUDIT_LOG, site, clock),
                clock=clock,
            )
            tidy(self._parts)
        except OSError as err:
            raise OutputError(f"cannot write the pool {folder}: {err}") from err

    @property
    def audit_log(self) -> AuditLog:
        """The log of what happened to the releases here."""
        return self._parts.audit_log

    def publish(self, release: AuthenticRelease, shards: Sequence[Shard]) -> str:
        """An own verified release and its shards, in the manifest's order -> the release's digest. Raises as `admit` does."""
        wanted, came = [entry.name for entry in release.manifest.shards], [shard.name for shard in shards]
        if wanted != came:
            raise ReleaseError(f"wanted the shards {shown(wanted)}, got {shown(came)}")
        admit(self._parts, release, lambda position, entry: _as_made(shards[position], entry), None, "published")
        return release.digest

    def admit(self, release: AuthenticRelease, source: Source, files: Files | None = None) -> str:
        """A release that somebody checked and where its shards come from -> its digest, once all of it is on the disk.

        The same release again changes nothing; one that was damaged here is mended, and only shards that do not lie here whole are
        asked for. Shards are verified while they stream. With `files`, shards that lie on the same disk are linked and verified,
        and take no room of their own.
        Raises ReleaseError for shards that are not the manifest's and for a release that was withdrawn or has expired here,
        OutputError if they cannot be written, and what `source` raises (an OSError must not come out of it: that would read as our
        own disk's); none leaves a trace, but a refusal stands in the audit log.
        """
        where = f"of release {release.digest} by {release.manifest.sender}"
        admit(self._parts, release, lambda at, entry: checked(source(at), entry, ReleaseError, where), files, "admitted")
        return release.digest

    def listing(self, campaign: str | None = None) -> list[Listing]:
        """What is listed here, of one campaign or of all, in the order of admission: whatever its state is."""
        return asked(self._parts, lambda index: index.listings(campaign))

    def find(self, digest: str) -> Listing:
        """A release's digest -> its listing, whatever its state is. Raises PoolError for one that is not listed here."""
        rules.sha256(digest, "a release's digest")
        found = asked(self._parts, lambda index: index.get(digest))
        if found is None:
            raise PoolError(f"the pool {self._folder} has no release {digest}")
        return found

    def digests(self) -> list[str]:
        """The digests of the releases that are held here, sorted."""
        return sorted(digest for digest, state in asked(self._parts, lambda index: index.states()).items() if state == "held")

    def envelope(self, digest: str) -> Envelope:
        """A release's digest -> its envelope, a claim again after lying on a disk. Raises PoolError if it is missing or damaged."""
        if self._parts.tombstones.has(digest):
            raise PoolError(f"release {digest} in {self._folder} was withdrawn or has expired")
        return stored.envelope(self._folder, digest)

    def envelopes(self) -> list[Envelope]:
        """The envelopes of all releases held here, in the order of their digests. Raises PoolError at the first that is damaged."""
        return [self.envelope(digest) for digest in self.digests()]

    def shard_size(self, digest: str, position: int) -> int:
        """The size in bytes of a shard that may be served. Raises PoolError unless its release is held here."""
        self._require_held(digest)
        return self._parts.store.size(digest, rules.count(position, "a shard's position"))

    def open_shard(self, digest: str, position: int, offset: int = 0) -> Iterator[bytes]:
        """A shard's bytes from `offset` on, in chunks of no more than a MiB, for a server: its receiver verifies them.

        Raises PoolError unless its release is held here and the shard has so many bytes; of a shard that cannot be read, when read.
        """
        size = self.shard_size(digest, position)
        if not 0 <= offset <= size:
            raise PoolError(f"wanted an offset from 0 to {size} into shard {position} of release {digest}, got {offset}")
        return self._parts.store.open(digest, position, offset)

    def shards(self, release: VerifiedRelease) -> Iterator[Shard]:
        """A verified release -> its stored shards in the manifest's order, one after the other, each read when it is asked for.

        Raises PoolError naming release and shard at the first that is damaged.
        """
        for position, entry in enumerate(release.manifest.shards):
            chunks = stored.shard(self._parts.store, release.digest, position, entry, self._where(release.digest))
            yield Shard(entry.name, b"".join(chunks), entry.compression, entry.content_bytes)

    def read(self, release: VerifiedRelease) -> list[Shard]:
        """As `shards`, all at once."""
        return list(self.shards(release))

    def check(self, release: AuthenticRelease) -> None:
        """Raises PoolError unless the release is here, every byte of it; reads it all and keeps one chunk in memory."""
        stored.envelope_bytes(self._folder, release.digest)
        stored.check(self._parts.store, release.digest, release.manifest.shards, self._where(release.digest))

    def claim(self, digest: str) -> Claim:
        """What a held release says of itself, as far as a pool understands it. Raises PoolError if it is not held or unreadable."""
        self._require_held(digest)
        try:
            return Claim.of(self.envelope(digest))
        except ReleaseError as err:
            raise PoolError(f"release {digest} in {self._folder} has no manifest: {err}") from err

    def verify(self, digest: str) -> Claim:
        """As `claim`, once every byte was found to be what the envelope says. Signatures are for a Verifier."""
        claim = self.claim(digest)
        stored.check(self._parts.store, digest, claim.shards, self._where(digest))
        return claim

    def withdraw(self, digest: str, reason: str) -> None:
        """Deletes a release's shards and leaves a tombstone; it is never served nor admitted again. Once more changes nothing.

        Raises PoolError for a release that is not listed here, OutputError where the disk does not take the tombstone.
        """
        self.find(digest)
        bury(self._parts, digest, "withdrawn", reason)

    def expire(self, now: float) -> list[str]:
        """Seconds since 1970 UTC -> the digests of the releases that had expired by then, each treated as by `withdraw`."""
        due = [one for one in self.listing() if one.state in ("held", "damaged") and one.expires_at <= now]
        return [one.digest for one in due if bury(self._parts, one.digest, "expired", f"expired at {one.expires_at}")]

    def tombstone(self, digest: str) -> Tombstone | None:
        """What is left of a release that ended, or None if it has not. Raises PoolError if that is damaged."""
        return self._parts.tombstones.get(digest)

    def _where(self, digest: str) -> str:
        return f"of release {digest} in {self._folder}"

    def _require_held(self, digest: str) -> None:
        found = self.find(digest)
        if found.state != "held" or self._parts.tombstones.has(digest):
            raise PoolError(f"release {digest} in {self._folder} is {found.state}, not held")


def _as_made(shard: Shard, entry: ShardEntry) -> list[bytes]:
    """A shard in memory -> its bytes. It knows its digest, which the manifest was made of: nothing is hashed twice."""
    if shard.size_bytes != entry.size_bytes:
        raise ReleaseError(f"shard {entry.name}: wanted {entry.size_bytes} bytes, got {shard.size_bytes}")
    if shard.digest != entry.sha256:
        raise ReleaseError(f"shard {entry.name}: wanted SHA-256 {entry.sha256}, got {shard.digest}")
    return [shard.data]
