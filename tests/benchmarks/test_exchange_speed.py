"""What the exchange costs: a release of 1 GiB through it, against a bare TLS 1.3 socket that copies and hashes the same files."""

import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import PAYLOAD_TYPE
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import PROOF, AuthenticRelease
from tests.exchange.peers import authority, entity
from tests.payload.examples import manifest

SHARDS, SHARD_BYTES, ROUNDS = 16, 64 << 20, 5
LEAST = 0.75  # of the speed of the bare socket
MOST_BYTES = 200e6  # beyond what either side takes when idle
MEMORY_DISK = Path("/dev/shm")  # both write there, so that no disk hides what the exchange costs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One side's keys and a pool with a release, where there is room for three copies of it in memory."""
    room = MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > 4 * SHARDS * SHARD_BYTES
    made = MEMORY_DISK / f"exchange-speed-{time.time_ns()}" if room else tmp_path_factory.mktemp("speed")
    made.mkdir(exist_ok=True)
    try:
        both = entity("entity-b", authority(made / "ca"))
        for name, data in (("key", both.private_key), ("certificate", both.certificate_chain), ("authorities", both.authorities)):
            (made / name).write_bytes(data)
        data = random.Random(0).randbytes(SHARD_BYTES)  # the same in each: the digests differ in nothing that matters here
        entries = tuple(ShardEntry(f"shard-{position}", Shard("x", data).digest, SHARD_BYTES) for position in range(SHARDS))
        one = manifest(shards=entries, recipients=())
        Pool(made / "pool").admit(AuthenticRelease(one, Envelope(one.to_bytes(), PAYLOAD_TYPE, ()), PROOF), lambda _: [data])
        yield made
    finally:
        shutil.rmtree(made)


def side(*arguments, **settings):
    command = [sys.executable, "-m", "tests.benchmarks.exchange_sides", *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **settings)


def transfer(folder, way):
    """-> seconds, and the bytes of memory that client and server took."""
    server = side(f"serve-{way}", folder)
    try:
        address = server.stdout.readline().strip()
        client = side(f"fetch-{way}", folder, address, folder / "target")
        took = json.loads(client.communicate(timeout=300)[0])
        told, _ = server.communicate(timeout=60)
        return took["seconds"], took["bytes"], int(told or 0)
    finally:
        server.kill()
        shutil.rmtree(folder / "target", ignore_errors=True)


@pytest.mark.benchmark(group="exchange")
def test_a_release_comes_nearly_as_fast_as_through_a_bare_socket_in_constant_memory(benchmark, folder):
    bare, ours, peaks = [], [], []

    def both():
        bare.append(transfer(folder, "bare")[0])
        seconds, *peak = transfer(folder, "exchange")
        ours.append(seconds)
        peaks.append(peak)

    benchmark.pedantic(both, rounds=ROUNDS)
    ratio = statistics.median(first / second for first, second in zip(bare, ours, strict=True))
    size = SHARDS * SHARD_BYTES
    client, server = (max(column) for column in zip(*peaks, strict=True))
    benchmark.extra_info |= {
        "bare, MB/s": size / statistics.median(bare) / 1e6,
        "exchange, MB/s": size / statistics.median(ours) / 1e6,
        "ratio": ratio,
        "client's memory, MB": client / 1e6,
        "server's memory, MB": server / 1e6,
    }
    assert ratio >= LEAST
    assert client < MOST_BYTES
    assert server < MOST_BYTES
