"""The exchange between sites: releases over mutual TLS, from their senders and through relays, whatever happens to the line."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dpm_flower.core.errors import DpmFlowerError, PeerError, ReleaseError
from dpm_flower.exchange.credentials import Current
from dpm_flower.exchange.exchange_pb2 import CatalogueEntry, CatalogueRequest, PublishPart, WithdrawRequest
from dpm_flower.exchange.line import Line, PeerEndpoint
from dpm_flower.exchange.messages import CATALOGUE, CHUNK_BYTES, PUBLISH, WITHDRAW, parsed
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.resuming import answered, shard_bytes
from dpm_flower.exchange.retries import Patience, Tries
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.verified import AuthenticRelease

MAX_CATALOGUE = 1 << 16  # releases that one peer may list at once


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcExchange:
    """Talks to peers' exchanges; implements `Exchange`. `peers` says where an entity's releases are to be had: from itself, or a relay.

    `rng` draws the waits between tries. Every verb raises ReleaseError if the peer refuses or does not answer within the patience, and
    SettingError if our own credentials cannot be read.
    """

    peers: Callable[[str], PeerEndpoint]
    credentials: Current
    rng: random.Random = field(repr=False)
    patience: Patience = field(default_factory=Patience)

    def fetch(self, release: AuthenticRelease, into: Pool, *, within_s: float = math.inf) -> None:
        """A release -> the same in the pool `into`, verified while it streams. What was cut goes on where it was. Again is harmless.

        All its shards have one patience, and no more than `within_s`: a sender chooses how many there are. Raises OutputError if
        `into` cannot be written.
        """
        sender = release.manifest.sender
        tries = self._tries(f"{sender} does not deliver release {release.digest}", release.manifest.size_bytes, within_s)
        with self._line(sender) as line:
            into.admit(release, lambda position: _shard(line, tries, release, position))

    def catalogue(self, peer: str, campaign: str | None = None) -> Iterator[Envelope]:
        """A peer and a campaign, or all -> the envelopes that it has for us, each once: claims, that nobody has verified."""
        what = campaign or "all campaigns"
        tries = self._tries(f"{peer}'s catalogue of {what}", 0)
        request = CatalogueRequest(campaign=campaign or "").SerializeToString()
        seen: set[str] = set()
        with self._line(peer) as line:
            for answer in answered(line, tries, CATALOGUE, lambda: iter([request])):
                envelope = _envelope(answer, peer)
                if envelope.digest in seen:
                    continue
                if len(seen) >= MAX_CATALOGUE:
                    raise ReleaseError(f"{peer} may list {MAX_CATALOGUE} releases of {what}, got more")
                seen.add(envelope.digest)
                yield envelope

    def publish(self, release: AuthenticRelease, out_of: Pool, relay: str) -> None:
        """A release of our own that lies in the pool `out_of` -> the same in the relay's pool. Again is harmless.

        Raises PoolError if it is damaged here.
        """
        tries = self._tries(f"{relay} does not take release {release.digest}", release.manifest.size_bytes)
        trouble: list[DpmFlowerError] = []
        try:
            self._done(relay, tries, PUBLISH, lambda: _parts(release, out_of, trouble))
        except ReleaseError:
            if trouble:
                raise trouble[0] from None  # the relay only saw that the stream ended early
            raise

    def withdraw(self, digest: str, reason: str, at: str) -> None:
        """A release of our own -> served no more by the peer `at`. Again is harmless."""
        request = WithdrawRequest(digest=digest, reason=reason).SerializeToString()
        self._done(at, self._tries(f"{at} does not withdraw release {digest}", 0), WITHDRAW, lambda: iter([request]))

    def _done(self, peer: str, tries: Tries, call: str, requests: Callable[[], Iterator[bytes]]) -> None:
        with self._line(peer) as line:
            for _ in answered(line, tries, call, requests):
                pass

    def _line(self, entity: str) -> Line:
        return Line(self.peers(entity), self.credentials)

    def _tries(self, what: str, size_bytes: int, most_s: float = math.inf) -> Tries:
        return Tries(what, self.patience, size_bytes, self.rng, most_s=most_s)


def _shard(line: Line, tries: Tries, release: AuthenticRelease, position: int) -> Iterator[bytes]:
    entry = release.manifest.shards[position]
    part = tries.of_part(f"{release.manifest.sender} does not deliver shard {entry.name} of release {release.digest}")
    return shard_bytes(line, part, release.digest, position, entry)


def _envelope(answer: bytes, peer: str) -> Envelope:
    try:
        return Envelope.from_bytes(parsed(CatalogueEntry, answer).envelope)
    except PeerError as err:
        raise ReleaseError(f"{peer}'s catalogue: {err}") from err


def _parts(release: AuthenticRelease, pool: Pool, trouble: list[DpmFlowerError]) -> Iterator[bytes]:
    """A release and its pool -> the messages that publish it. What goes wrong here ends them, and is left in `trouble`.

    gRPC asks for them in a thread of its own, out of which no error finds its way.
    """
    envelope = release.envelope.to_bytes()
    for start in range(0, len(envelope), CHUNK_BYTES):
        yield PublishPart(envelope=envelope[start : start + CHUNK_BYTES]).SerializeToString()
    try:
        for position in range(len(release.manifest.shards)):
            for chunk in pool.open_shard(release.digest, position, 0):
                yield PublishPart(shard=chunk).SerializeToString()
    except DpmFlowerError as err:
        trouble.append(err)
