import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from dpm_flower.core.errors import OutputError, PoolError, ReleaseError, SettingError
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.limits import Limits
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.messages import CATALOGUE, FETCH
from dpm_flower.exchange.relay import RelayIntake
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.payload.shard import Shard
from tests.exchange.cutting import Proxy
from tests.exchange.peers import CAMPAIGN, Members, MemoryShelf, Taken, at, authority, entity, released

SIZE = 3_000_000
DATA = random.Random(5).randbytes(SIZE)
RELEASE, SHARDS = released(DATA, b"second")
IMPATIENT = Patience(start_s=0.6, first_wait_s=0.02, longest_wait_s=0.1)


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path / "ca")


@pytest.fixture
def friend(ca):
    return entity("entity-a", ca)


@pytest.fixture
def shelf():
    made = MemoryShelf(chunk_bytes=1 << 16)
    made.put(RELEASE, SHARDS)
    return made


@pytest.fixture
def told():
    return []


@pytest.fixture
def serve(ca, shelf, told):
    """Arguments of entity-b's server -> its address, running; stopped after the test."""
    running = []

    def start(**settings):
        ours = entity("entity-b", ca)
        server = ExchangeServer("127.0.0.1:0", shelf, Members("entity-a", "entity-b"), lambda: ours, told=told.append, **settings)
        server.start()
        running.append(server)
        return server.address

    yield start
    for server in running:
        server.stop(0)


def client(credentials, address, name="entity-b", patience=None):
    return GrpcExchange(
        peers=at(name, address), credentials=lambda: credentials, rng=random.Random(0), patience=patience or Patience(first_wait_s=0.01)
    )


def port_of(address):
    return int(address.rpartition(":")[2])


def test_what_is_fetched_is_what_was_published(serve, friend):
    taken = Taken()
    exchange: Exchange = client(friend, serve())
    exchange.fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]


@pytest.mark.parametrize("cuts", [[0.3], [0.9], [0.3, 0.6, 0.01]])
def test_a_cut_line_costs_the_bytes_on_the_way_and_nothing_else(serve, friend, told, cuts):
    taken = Taken()
    with Proxy(port_of(serve()), [int(part * SIZE) for part in cuts]) as proxy:
        client(friend, proxy.address).fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]
    assert proxy.connections == len(cuts) + 1
    assert [one.position for one in told].count(0) >= 2


def test_a_resumed_shard_is_asked_for_from_its_last_good_byte(serve, shelf, friend):
    offsets, open_shard = [], shelf.open_shard

    def watched(digest, position, offset):
        offsets.append((position, offset))
        return open_shard(digest, position, offset)

    shelf.open_shard = watched
    here = []
    with Proxy(port_of(serve()), [SIZE // 2]) as proxy:
        client(friend, proxy.address).fetch(RELEASE, Taken(here.append))
    assert [position for position, _ in offsets] == [0, 0, 1]
    assert 0 < offsets[1][1] <= SIZE // 2
    assert offsets[1][1] in here  # no byte twice, none left out: what had come by then


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


def test_limits_are_waited_for(serve, friend, told):
    taken = Taken()
    client(friend, serve(limits=Limits(bytes=SIZE // 2, bytes_per_s=SIZE))).fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]
    assert any("bytes a second" in one.refusal for one in told)


def test_a_peer_that_accepts_and_never_answers_is_given_up_within_the_patience(friend):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(ReleaseError, match=r"entity-b does not deliver .* not within 0\.\d+ s; the last try"):
            client(friend, f"127.0.0.1:{silent.getsockname()[1]}", patience=IMPATIENT).fetch(released(b"x")[0], Taken())
    assert time.monotonic() - started < 25  # the usual patience is 30 s


def test_a_peer_that_stops_in_the_middle_is_given_up_within_the_patience(serve, shelf, friend):
    hold = threading.Event()

    def stalled(digest, position, offset):
        def chunks():
            if offset < 1000:
                yield DATA[offset:1000]
            hold.wait(60)

        return SIZE, chunks()

    shelf.open_shard = stalled
    started = time.monotonic()
    with pytest.raises(ReleaseError, match=r"does not deliver .* not within"):
        client(friend, serve(), patience=Patience(start_s=0.6, least_bytes_per_s=1e9)).fetch(RELEASE, Taken())
    hold.set()
    assert time.monotonic() - started < 25  # the usual patience is 30 s


def test_where_nobody_listens_it_is_given_up_within_the_patience(friend):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ReleaseError, match=r"does not deliver .* not within"):
        client(friend, f"127.0.0.1:{port}", patience=IMPATIENT).fetch(released(b"x")[0], Taken())


@pytest.mark.parametrize("who", ["another entity", "another authority's"])
def test_a_server_that_is_not_the_peer_gets_no_request(tmp_path, ca, friend, told, shelf, who):
    wrong = entity("entity-c", ca) if who == "another entity" else entity("entity-b", authority(tmp_path / "other"), believes=ca)
    with (
        ExchangeServer("127.0.0.1:0", shelf, Members("entity-a"), lambda: wrong, told=told.append) as server,
        pytest.raises(ReleaseError, match=r"does not deliver .* not within"),
    ):
        client(friend, server.address, patience=IMPATIENT).fetch(released(b"x")[0], Taken())
    assert told == []


def test_a_server_that_is_killed_in_the_middle_and_comes_back_is_fetched_from_on(tmp_path, ca, friend):
    ours = entity("entity-b", ca)
    for name, data in (("key", ours.private_key), ("certificate", ours.certificate_chain), ("authorities", ours.authorities)):
        (tmp_path / name).write_bytes(data)
    size = 48 << 20  # more than the two sides buffer
    release, shards = released(bytes(size))
    processes = []

    def start(listen):
        command = [sys.executable, "-m", "tests.exchange.serve_shelf", str(tmp_path), listen, str(size)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return processes[-1].stdout.readline().strip()

    def kill_once(here):
        if here > size // 3 and len(processes) == 1:
            os.kill(processes[0].pid, signal.SIGKILL)
            processes[0].wait()
            assert start(address) == address

    taken = Taken(kill_once)
    try:
        address = start("127.0.0.1:0")
        client(friend, address).fetch(release, taken)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    assert len(processes) == 2
    assert taken.shards == [shards[0].data]


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


def test_a_catalogue_is_what_is_there_for_us_each_once_even_over_a_cut_line(serve, shelf, friend, told):
    envelopes = []
    for number in range(40):
        release, shards = released(b"x", payload=bytes([number]) * 100_000)
        shelf.put(release, shards, recipients=() if number % 2 else ("entity-c",))
        envelopes += [release.envelope] if number % 2 else []
    shelf.held.pop(RELEASE.digest)
    with Proxy(port_of(serve()), [1_000_000]) as proxy:
        assert list(client(friend, proxy.address).catalogue("entity-b", CAMPAIGN)) == envelopes
    assert proxy.connections == 2
    assert list(client(friend, serve()).catalogue("entity-b", "another")) == []
    assert {one.call for one in told} == {CATALOGUE}


def test_an_entry_that_is_no_envelope_is_refused(serve, shelf, friend):
    shelf.envelope = lambda digest: b"no envelope"
    with pytest.raises(ReleaseError, match="an envelope is not JSON"):
        list(client(friend, serve()).catalogue("entity-b", CAMPAIGN))


class OwnPool:
    """A pool that holds RELEASE; `broken` at a shard where it is damaged."""

    def __init__(self, broken=None):
        self.broken = broken

    def open_shard(self, digest, position, offset):
        assert (digest, offset) == (RELEASE.digest, 0)
        data = SHARDS[position].data
        for start in range(0, len(data), 1 << 16):
            if position == self.broken:
                raise PoolError("our shard is damaged")
            yield data[start : start + (1 << 16)]


def intake(pool, *, refuse=""):
    def authenticate(envelope, peer):
        if refuse:
            raise ReleaseError(refuse)
        assert (envelope, peer) == (RELEASE.envelope, "entity-a")
        return RELEASE

    return RelayIntake(pool, authenticate)


@pytest.mark.parametrize("cuts", [[], [5000]])
def test_a_relay_holds_what_was_published(serve, friend, cuts):
    taken = Taken()
    with Proxy(port_of(serve(intake=intake(taken))), cuts) as proxy:
        client(friend, proxy.address).publish(RELEASE, OwnPool(), "entity-b")
    assert taken.shards == [DATA, b"second"]


def test_what_a_relay_refuses_is_refused(serve, friend):
    with pytest.raises(ReleaseError, match=r"entity-b does not take release .* 'replay of last week'"):
        client(friend, serve(intake=intake(Taken(), refuse="replay of last week"))).publish(RELEASE, OwnPool(), "entity-b")
    with pytest.raises(ReleaseError, match="no relay"):
        client(friend, serve()).publish(RELEASE, OwnPool(), "entity-b")


@pytest.mark.parametrize("broken", [0, 1])
def test_damage_of_our_own_pool_is_said_to_be_ours_and_leaves_nothing_at_the_relay(serve, friend, broken):
    taken = Taken()
    with pytest.raises(PoolError, match="our shard is damaged"):
        client(friend, serve(intake=intake(taken))).publish(RELEASE, OwnPool(broken), "entity-b")
    assert len(taken.shards) == broken


def test_only_its_sender_withdraws_a_release(serve, shelf, ca, friend):
    address = serve()
    with pytest.raises(ReleaseError, match="by its sender, not by entity-a"):
        client(friend, address).withdraw(RELEASE.digest, "a patient asked", "entity-b")
    client(entity("entity-b", ca), address).withdraw(RELEASE.digest, "a patient asked", "entity-b")
    assert shelf.held == {}
