"""The four calls of an exchange: what an admitted peer asks -> what it gets of the shelf, and what a relay takes from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dpm_flower.core.errors import PeerError, ReleaseError
from dpm_flower.exchange.chunk_frame import framed
from dpm_flower.exchange.exchange_pb2 import (
    CatalogueEntry,
    CatalogueRequest,
    FetchRequest,
    PublishPart,
    PublishReply,
    WithdrawReply,
    WithdrawRequest,
)
from dpm_flower.exchange.guard import Answer, Asked, Behaviour
from dpm_flower.exchange.messages import CATALOGUE, FETCH, PUBLISH, WITHDRAW, only, parsed
from dpm_flower.exchange.shelf import OnShelf, Shelf
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES

Shards: TypeAlias = Callable[[int], Iterator[bytes]]  # a size -> the next so many bytes that come in, in chunks; fewer if they end


class Intake(Protocol):
    """What a relay does with what is published to it."""

    def take(self, peer: str, envelope: bytes, shards: Shards) -> str:
        """An envelope from this peer and its shards as they come -> the release's digest, once it is whole here.

        Raises ReleaseError for what is refused, before anything is asked of `shards` if that can be; OutputError if our disk fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExchangeService:
    """The calls over a shelf; without an intake it is no relay and takes nothing."""

    shelf: Shelf
    intake: Intake | None

    def behaviours(self) -> dict[str, Behaviour]:
        """-> each call by its name."""
        return {CATALOGUE: self.catalogue, FETCH: self.fetch, PUBLISH: self.publish, WITHDRAW: self.withdraw}

    def catalogue(self, asked: Asked) -> Answer:
        """A campaign, or none for all -> the envelopes of the releases in it that are for this peer, one at a time in memory."""
        named = only(CatalogueRequest, asked.requests).campaign
        campaign = rules.name(named, "campaign") if named else None
        found = [release for release in self.shelf.listing(campaign) if release.is_for(asked.peer)]
        return Answer(CatalogueEntry(envelope=self.shelf.envelope(release.digest)).SerializeToString() for release in found)

    def fetch(self, asked: Asked) -> Answer:
        """A shard and an offset -> its size and its bytes from there on."""
        request = only(FetchRequest, asked.requests)
        self._for(asked.peer, request.digest)
        size, chunks = self.shelf.open_shard(request.digest, request.position, request.offset)
        if request.offset > size:
            raise PeerError(f"shard {request.position} of release {request.digest} has {size} bytes, got the offset {request.offset}")
        return Answer(_fetched(size, chunks), request.digest, request.position)

    def publish(self, asked: Asked) -> Answer:
        """A release of this peer's -> its digest."""
        if self.intake is None:
            raise ReleaseError("this exchange is no relay: it takes no releases of others")
        envelope, shards = _published(asked.requests)
        digest = self.intake.take(asked.peer, envelope, shards)
        return Answer(iter([PublishReply(digest=digest).SerializeToString()]), digest)

    def withdraw(self, asked: Asked) -> Answer:
        """A release of this peer's and a reason -> it is served no more."""
        request = only(WithdrawRequest, asked.requests)
        release = self._for(asked.peer, request.digest)
        if asked.peer != release.sender:
            raise ReleaseError(f"release {release.digest} may be withdrawn by its sender, not by {asked.peer}")
        self.shelf.withdraw(release.digest, rules.text(request.reason, "the reason"))
        return Answer(iter([WithdrawReply().SerializeToString()]), release.digest)

    def _for(self, peer: str, digest: str) -> OnShelf:
        release = self.shelf.find(rules.sha256(digest, "a release's digest"))
        if not release.is_for(peer):
            raise ReleaseError(f"release {digest} is not for {peer}")
        return release


def _fetched(size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield framed(next(chunks, b""), size)
    yield from map(framed, chunks)


def _published(requests: Iterator[bytes]) -> tuple[bytes, Shards]:
    parts = (parsed(PublishPart, request) for request in requests)
    envelope, waiting = bytearray(), []
    for part in parts:
        if part.WhichOneof("part") != "envelope":
            waiting.append(part.shard)
            break
        envelope += part.envelope
        if len(envelope) > MAX_ENVELOPE_BYTES:
            raise PeerError(f"an envelope may take {MAX_ENVELOPE_BYTES} bytes, got more")

    def shards(size: int) -> Iterator[bytes]:
        while size > 0 and (data := waiting.pop() if waiting else next(parts, PublishPart()).shard):
            yield data
            size -= len(data)

    return bytes(envelope), shards
