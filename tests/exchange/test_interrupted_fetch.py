"""What happens to the line: cut, silent, gone, killed; a fetch goes on where it was, or ends within its patience."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange import grpc_exchange
from dpm_flower.exchange.limits import Limits
from dpm_flower.exchange.line import Line
from dpm_flower.exchange.retries import Patience, Tries
from tests.exchange.cutting import Proxy
from tests.exchange.fetching import DATA, IMPATIENT, RELEASE, SIZE, client, port_of
from tests.exchange.peers import Taken, entity, released


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


def test_all_shards_of_a_release_have_one_patience(serve, shelf, friend, monkeypatch):
    left_s, now, answers = [], [0.0], Line.answers

    def noted(line, call, requests, timeout_s):
        left_s.append(timeout_s)
        now[0] += 40.0  # so long each shard takes
        return answers(line, call, requests, 30.0)

    monkeypatch.setattr(Line, "answers", noted)
    monkeypatch.setattr(grpc_exchange, "Tries", partial(Tries, clock=lambda: now[0]))
    patience, taken = Patience(start_s=90.0, least_bytes_per_s=1e6), Taken()
    client(friend, serve(), patience=patience).fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]
    whole_s = patience.deadline_s(RELEASE.manifest.size_bytes)
    assert left_s == [whole_s, whole_s - 40.0]
    client(friend, serve(), patience=patience).fetch(RELEASE, Taken(), within_s=70.0)
    assert left_s[2:] == [70.0, 30.0]


def test_a_release_is_waited_for_no_longer_than_its_reader_can(friend):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exchange = client(friend, f"127.0.0.1:{silent.getsockname()[1]}", patience=Patience(start_s=600.0, longest_wait_s=0.1))
        with pytest.raises(ReleaseError, match=r"entity-b does not deliver .* not within 0\.5 s; the last try"):
            exchange.fetch(RELEASE, Taken(), within_s=0.5)


def test_where_nobody_listens_it_is_given_up_within_the_patience(friend):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ReleaseError, match=r"does not deliver .* not within"):
        client(friend, f"127.0.0.1:{port}", patience=IMPATIENT).fetch(released(b"x")[0], Taken())


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


def test_limits_are_waited_for(serve, friend, told):
    taken = Taken()
    client(friend, serve(limits=Limits(bytes=SIZE // 2, bytes_per_s=SIZE))).fetch(RELEASE, taken)
    assert taken.shards == [DATA, b"second"]
    assert any("bytes a second" in one.refusal for one in told)
