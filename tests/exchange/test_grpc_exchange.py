"""Releases fetched over mutual TLS: whole and from the right peer, or refused with the reason."""

import random

import pytest

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.messages import FETCH
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.payload.shard import Shard
from tests.exchange.cutting import Proxy
from tests.exchange.fetching import DATA, IMPATIENT, RELEASE, SHARDS, SIZE, client, port_of
from tests.exchange.peers import Members, Taken, at, authority, entity, released


def test_what_is_fetched_is_what_was_published(serve, friend):
    taken = Taken()
    exchange: Exchange = client(friend, serve())
    exchange.fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (DATA[:-1] + bytes([DATA[-1] ^ 1]), "wanted SHA-256"),
        (DATA[:-1], f"wanted a shard of {SIZE} bytes, got one of {SIZE - 1}"),
        (DATA + b"x", f"wanted a shard of {SIZE} bytes, got one of {SIZE + 1}"),
    ],
)
def test_a_shard_that_is_not_the_manifests_is_refused_and_not_asked_for_again(serve, shelf, friend, told, sent, said):
    shelf.put(RELEASE, [Shard("other", sent), SHARDS[1]])
    taken = Taken()
    with pytest.raises(ReleaseError, match=said):
        client(friend, serve()).fetch(RELEASE, taken)
    assert taken.shards == []
    assert [one.call for one in told] == [FETCH]


@pytest.mark.parametrize("beyond", [-5, 5])
def test_a_shard_that_is_longer_or_shorter_than_it_was_said_is_refused(serve, shelf, friend, beyond):
    sent = bytes(SIZE + beyond)
    shelf.open_shard = lambda digest, position, offset: (SIZE, (sent[start : start + 50_000] for start in range(0, len(sent), 50_000)))
    with pytest.raises(ReleaseError, match=f"wanted {SIZE} bytes, got"):
        client(friend, serve()).fetch(RELEASE, Taken())


def test_a_release_that_is_not_there_is_refused_at_once(serve, shelf, friend, told):
    shelf.held.clear()
    with pytest.raises(ReleaseError, match=r"entity-b does not deliver shard shard-0 of release .*: refused: NOT_FOUND"):
        client(friend, serve()).fetch(RELEASE, Taken())
    assert len(told) == 1


def test_whoever_is_not_on_the_roster_is_refused_at_once(serve, ca):
    with pytest.raises(ReleaseError, match="refused: PERMISSION_DENIED: 'entity-z is not on the roster'"):
        client(entity("entity-z", ca), serve()).fetch(RELEASE, Taken())


@pytest.mark.parametrize("who", ["another entity", "another authority's"])
def test_a_server_that_is_not_the_peer_gets_no_request(tmp_path, ca, friend, told, shelf, who):
    wrong = entity("entity-c", ca) if who == "another entity" else entity("entity-b", authority(tmp_path / "other"), believes=ca)
    with (
        ExchangeServer("127.0.0.1:0", shelf, Members("entity-a"), lambda: wrong, told=told.append) as server,
        pytest.raises(ReleaseError, match=r"does not deliver .* not within"),
    ):
        client(friend, server.address, patience=IMPATIENT).fetch(released(b"x")[0], Taken())
    assert told == []


def test_new_credentials_count_from_the_next_connection_on(serve, ca, friend):
    shown = [entity("entity-z", ca)]
    exchange = GrpcExchange(peers=at("entity-b", serve()), credentials=lambda: shown[0], rng=random.Random(0))
    with pytest.raises(ReleaseError, match="entity-z is not on the roster"):
        exchange.fetch(RELEASE, Taken())
    shown[0] = friend
    exchange.fetch(RELEASE, Taken())


def test_credentials_are_read_again_after_a_cut(serve, friend):
    read, address = [], serve()

    def current():
        read.append(friend)
        return friend

    exchange = GrpcExchange(peers=lambda _: PeerEndpoint("entity-b", to), credentials=current, rng=random.Random(0))
    with Proxy(port_of(address), [SIZE // 2]) as proxy:
        to = address
        exchange.fetch(RELEASE, Taken())
        read.clear()  # at first it is tried out with them whether this process speaks TLS 1.3 only
        exchange.fetch(RELEASE, Taken())
        assert len(read) == 1
        to = proxy.address
        exchange.fetch(RELEASE, Taken())
        assert len(read) == 3


def test_own_trouble_is_not_the_peers(serve, friend):
    def unreadable():
        raise SettingError("cannot read the certificate")

    with pytest.raises(SettingError, match="cannot read"):
        GrpcExchange(peers=at("entity-b", serve()), credentials=unreadable, rng=random.Random(0)).fetch(RELEASE, Taken())

    def full(here):
        raise OutputError("no space")

    with pytest.raises(OutputError, match="no space"):
        client(friend, serve()).fetch(RELEASE, Taken(full))
