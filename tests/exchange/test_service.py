import pytest

from dpm_flower.core.errors import PeerError, PoolError, ReleaseError
from dpm_flower.exchange.exchange_pb2 import (
    CatalogueEntry,
    CatalogueRequest,
    FetchChunk,
    FetchRequest,
    PublishPart,
    PublishReply,
    WithdrawRequest,
)
from dpm_flower.exchange.guard import Asked
from dpm_flower.exchange.service import ExchangeService
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES
from tests.exchange.peers import CAMPAIGN, MemoryShelf, released

RELEASE, SHARDS = released(bytes(range(256)) * 10, b"second")


class Intake:
    """Takes everything, in shards of the given sizes."""

    def __init__(self, *sizes):
        self.sizes, self.took = sizes, None

    def take(self, peer, envelope, shards):
        self.took = peer, envelope, [list(shards(size)) for size in self.sizes]
        return "f" * 64


@pytest.fixture
def shelf():
    made = MemoryShelf()
    made.put(RELEASE, SHARDS)
    return made


def asked(message, peer="entity-a"):
    messages = message if isinstance(message, list) else [message]
    return Asked(peer, iter([one.SerializeToString() for one in messages]), lambda: True)


def fetched(shelf, peer="entity-a", **request):
    answer = ExchangeService(shelf, None).fetch(asked(FetchRequest(**({"digest": RELEASE.digest} | request)), peer))
    return answer, [FetchChunk.FromString(message) for message in answer.messages]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("offset", [0, 1, 6])
def test_a_shard_comes_from_the_offset_on_and_its_size_first(shelf, position, offset):
    answer, chunks = fetched(shelf, position=position, offset=offset)
    assert b"".join(chunk.data for chunk in chunks) == SHARDS[position].data[offset:]
    assert [chunk.size_bytes for chunk in chunks] == [len(SHARDS[position].data)] + [0] * (len(chunks) - 1)
    assert (answer.digest, answer.position) == (RELEASE.digest, position)


def test_an_offset_behind_the_end_is_refused(shelf):
    with pytest.raises(PeerError, match="has 6 bytes, got the offset 7"):
        fetched(shelf, position=1, offset=7)


@pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63])
def test_what_is_no_digest_is_refused(shelf, digest):
    with pytest.raises(ReleaseError, match="SHA-256"):
        fetched(shelf, digest=digest)


def test_what_is_not_here_is_refused(shelf):
    with pytest.raises(PoolError, match="no release"):
        fetched(shelf, digest="a" * 64)
    with pytest.raises(PoolError, match="no shard"):
        fetched(shelf, position=2)


def test_a_release_with_recipients_is_for_those_and_its_sender_only(shelf):
    shelf.put(RELEASE, SHARDS, recipients=("entity-a", "entity-c"))
    service = ExchangeService(shelf, None)
    for peer in ("entity-a", "entity-b", "entity-c"):
        fetched(shelf, peer)
        assert len(list(service.catalogue(asked(CatalogueRequest(campaign=CAMPAIGN), peer)).messages)) == 1
    with pytest.raises(ReleaseError, match="is not for entity-d"):
        fetched(shelf, "entity-d")
    assert list(service.catalogue(asked(CatalogueRequest(campaign=CAMPAIGN), "entity-d")).messages) == []


def test_a_catalogue_holds_the_campaigns_envelopes(shelf):
    service = ExchangeService(shelf, None)
    entries = service.catalogue(asked(CatalogueRequest(campaign=CAMPAIGN))).messages
    assert [CatalogueEntry.FromString(entry).envelope for entry in entries] == [RELEASE.envelope.to_bytes()]
    assert list(service.catalogue(asked(CatalogueRequest(campaign="another"))).messages) == []
    assert [CatalogueEntry.FromString(entry).envelope for entry in service.catalogue(asked(CatalogueRequest())).messages] == [
        RELEASE.envelope.to_bytes()
    ]
    with pytest.raises(ReleaseError, match="campaign must be"):
        service.catalogue(asked(CatalogueRequest(campaign="../c")))


def test_its_sender_withdraws_a_release_and_nobody_else(shelf):
    service = ExchangeService(shelf, None)
    request = WithdrawRequest(digest=RELEASE.digest, reason="a patient asked")
    with pytest.raises(ReleaseError, match="by its sender, not by entity-a"):
        service.withdraw(asked(request, "entity-a"))
    assert shelf.held
    service.withdraw(asked(request, "entity-b"))
    assert not shelf.held


@pytest.mark.parametrize("reason", ["", "a/b", "line\nbreak", "x" * 201])
def test_an_unsafe_reason_is_refused(shelf, reason):
    with pytest.raises(ReleaseError, match="the reason must be"):
        ExchangeService(shelf, None).withdraw(asked(WithdrawRequest(digest=RELEASE.digest, reason=reason), "entity-b"))
    assert shelf.held


def parts(*pieces):
    return [PublishPart(**{kind: data}) for kind, data in pieces]


def published(intake, *pieces):
    return ExchangeService(MemoryShelf(), intake).publish(asked(parts(*pieces), "entity-b"))


def test_an_exchange_that_is_no_relay_takes_nothing():
    with pytest.raises(ReleaseError, match="no relay"):
        published(None, ("envelope", b"e"))


def test_a_published_release_reaches_the_intake_as_it_was_cut():
    intake = Intake(5, 2)
    answer = published(intake, ("envelope", b"en"), ("envelope", b"velope"), ("shard", b"abc"), ("shard", b"de"), ("shard", b"fg"))
    assert intake.took == ("entity-b", b"envelope", [[b"abc", b"de"], [b"fg"]])
    assert [PublishReply.FromString(message).digest for message in answer.messages] == [answer.digest] == ["f" * 64]


def test_a_stream_that_ends_early_gives_less_and_one_that_gives_more_does_not_hide_it():
    intake = Intake(5, 2)
    published(intake, ("envelope", b"e"), ("shard", b"abc"))
    assert intake.took[2] == [[b"abc"], []]
    published(intake, ("envelope", b"e"), ("shard", b"abcdef"), ("shard", b"gh"))
    assert intake.took[2] == [[b"abcdef"], [b"gh"]]


def test_an_envelope_after_the_shards_began_is_no_shard():
    intake = Intake(5)
    published(intake, ("envelope", b"e"), ("shard", b"abc"), ("envelope", b"de"))
    assert intake.took[1:] == (b"e", [[b"abc"]])


def test_an_envelope_that_is_too_long_is_refused_before_all_of_it_came():
    came = []

    def endless():
        while True:
            came.append(1)
            yield PublishPart(envelope=bytes(1 << 20)).SerializeToString()

    service = ExchangeService(MemoryShelf(), Intake())
    with pytest.raises(PeerError, match=f"an envelope may take {MAX_ENVELOPE_BYTES} bytes"):
        service.publish(Asked("entity-b", endless(), lambda: True))
    assert len(came) == MAX_ENVELOPE_BYTES // (1 << 20) + 1


def test_a_withdrawal_is_parsed_strictly(shelf):
    with pytest.raises(PeerError, match="wanted a WithdrawRequest"):
        ExchangeService(shelf, None).withdraw(Asked("entity-b", iter([b"\xff"]), lambda: True))
