import threading
import time

import grpc
import pytest

from dpm_flower.core.errors import OutputError, PoolError, SettingError
from dpm_flower.exchange.exchange_pb2 import CatalogueRequest, FetchChunk, FetchRequest
from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.limits import Limits
from dpm_flower.exchange.messages import CATALOGUE, FETCH, path
from dpm_flower.exchange.server import ExchangeServer
from tests.exchange.peers import CAMPAIGN, MemoryShelf, entity, raw, released

RELEASE, SHARDS = released(bytes(5000), b"second")
LIST = CatalogueRequest(campaign=CAMPAIGN).SerializeToString()
FIRST = FetchRequest(digest=RELEASE.digest).SerializeToString()


@pytest.fixture
def shelf():
    made = MemoryShelf()
    made.put(RELEASE, SHARDS)
    return made


def test_what_is_served_and_refused_is_told_with_release_and_shard(serve, friend):
    told = []
    address = serve(told=told.append)
    assert isinstance(raw(address, friend, FETCH, FIRST), list)
    raw(address, friend, FETCH, FetchRequest(digest="f" * 64).SerializeToString())
    assert told[0] == Told("entity-a", FETCH, RELEASE.digest, 0)
    assert (told[1].peer, told[1].call, told[1].refusal) == ("entity-a", FETCH, f"/a/path/of/ours: no release {'f' * 64}")


def test_a_peer_is_told_nothing_of_our_disk(serve, friend):
    assert raw(serve(), friend, FETCH, FetchRequest(digest="f" * 64).SerializeToString()) == (
        grpc.StatusCode.NOT_FOUND,
        "this exchange does not hold that, or it is damaged here",
    )


def test_own_trouble_with_the_roster_is_no_word_for_a_peer(ca, friend, shelf):
    def admit(name, certificate):
        raise SettingError("the roster /a/path/of/ours was refused")

    ours, told = entity("entity-b", ca), []
    with ExchangeServer("127.0.0.1:0", shelf, admit, lambda: ours, told=told.append) as server:
        assert raw(server.address, friend, FETCH, FIRST) == (grpc.StatusCode.INTERNAL, "this exchange has trouble of its own")
    assert told == [Told("entity-a", FETCH, refusal="the roster /a/path/of/ours was refused")]


def test_what_cannot_be_told_is_not_served(serve, friend):
    def full(told):
        raise OutputError("cannot write /a/path/of/ours/audit.log: no space")

    assert raw(serve(told=full), friend, FETCH, FIRST) == (grpc.StatusCode.INTERNAL, "this exchange has trouble of its own")


def test_damage_that_shows_in_the_middle_is_told_and_ends_the_call(serve, shelf, friend):
    def damaged(digest, position, offset):
        def chunks():
            yield b"good"
            raise PoolError("/a/path/of/ours: cannot read")

        return 10, chunks()

    told = []
    shelf.open_shard = damaged
    assert raw(serve(told=told.append), friend, FETCH, FIRST)[0] is grpc.StatusCode.NOT_FOUND
    assert told == [
        Told("entity-a", FETCH, RELEASE.digest, 0),
        Told("entity-a", FETCH, RELEASE.digest, 0, "/a/path/of/ours: cannot read"),
    ]


def test_a_certificate_that_names_no_entity_is_refused(ca, tmp_path, serve):
    told = []
    address = serve(told=told.append)
    ca.sign_host(tmp_path / "host", ("localhost",), now=ca_now(ca))
    key, certificate = ((tmp_path / "host" / name).read_bytes() for name in ("host.key", "host.crt"))
    host = type(entity("entity-a", ca))(key, certificate, ca.certificate_pem)
    code, words = raw(address, host, CATALOGUE, LIST)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "exactly one URI" in words
    assert told == [Told("", CATALOGUE, refusal=words)]


def ca_now(ca):
    return int(ca.certificate.not_valid_before_utc.timestamp()) + 600


def test_too_many_calls_are_refused_before_the_request_is_parsed_and_cost_no_other_peer(serve, ca, friend):
    address = serve(limits=Limits(calls=2, calls_per_s=1e-3))
    for _ in range(2):
        assert isinstance(raw(address, friend, CATALOGUE, LIST), list)
    code, words = raw(address, friend, CATALOGUE, b"\xff garbage")
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "entity-a may make 0.001 calls a second" in words
    assert isinstance(raw(address, entity("entity-c", ca), CATALOGUE, LIST), list)


def test_bytes_that_were_sent_are_counted(serve, friend):
    told = []
    address = serve(limits=Limits(bytes=4000, bytes_per_s=1), told=told.append)
    assert b"".join(FetchChunk.FromString(one).data for one in raw(address, friend, FETCH, FIRST)) == SHARDS[0].data
    code, words = raw(address, friend, FETCH, FIRST)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "entity-a may move 1 bytes a second, got more" in words
    assert told[-1].refusal == words


def test_bytes_that_came_are_counted(serve, friend):
    address = serve(limits=Limits(bytes=1000, bytes_per_s=1))
    raw(address, friend, CATALOGUE, bytes(2000))
    assert raw(address, friend, CATALOGUE, LIST)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def never(hold):
    """Requests that do not come until it is over."""
    hold.wait(60)
    yield from ()


def test_calls_at_once_are_limited_even_if_their_requests_never_come(serve, friend):
    address = serve(limits=Limits(calls_at_once=2))
    hold = threading.Event()
    options = [("grpc.ssl_target_name_override", "entity-b.entity.dpm")]
    with grpc.secure_channel(address, friend.of_a_channel(), options) as line:
        grpc.channel_ready_future(line).result(timeout=30)
        silent = [line.stream_stream(path(FETCH))(never(hold), timeout=60) for _ in range(2)]
        give_up, answer = time.monotonic() + 30, raw(address, friend, CATALOGUE, LIST)
        while not isinstance(answer, tuple) and time.monotonic() < give_up:  # until the two have come there
            time.sleep(0.05)
            answer = raw(address, friend, CATALOGUE, LIST)
        code, words = answer
        for call in silent:
            call.cancel()
        hold.set()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "entity-a may make 2 calls at once" in words


def test_a_call_that_is_over_makes_room_however_it_ended(serve, friend):
    address = serve(limits=Limits(calls_at_once=1))
    for request in (FIRST, b"\xff", FetchRequest(digest="f" * 64).SerializeToString(), FIRST):
        answer = raw(address, friend, FETCH, request)
        assert answer[0] is not grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(answer, list)
