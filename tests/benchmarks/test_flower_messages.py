"""Why features never travel in Flower messages: the same bytes from one site to another through a SuperLink, and through the exchange."""

import statistics
import time
from pathlib import Path

import pytest

from dpm_flower.apps.flower_run import run_through_flower
from tests.benchmarks.test_exchange_speed import SHARD_BYTES, SHARDS, folder, transfer

__all__ = ["folder"]  # the pool with a release, and both sides' keys

SIZE = SHARDS * SHARD_BYTES
THROUGH_FLOWER = SIZE // 8  # Flower holds several copies of a message: a whole GiB takes more memory than it takes time
LEAST = 5.0  # times the speed of Flower messages
PROJECT = """\
[project]
name = "carrier"
version = "1.0.0"
dependencies = []
[tool.hatch.build.targets.wheel]
packages = ["."]
[tool.flwr.app]
publisher = "nobody"
fab-include = ["carrier.py"]
[tool.flwr.app.components]
serverapp = "carrier:server"
clientapp = "carrier:client"
[tool.flwr.app.config]
output = ""
size = 0
"""
APP = '''\
"""A sender's bytes to the server, and from the server to a receiver: as a release would travel in Flower messages."""
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

client = ClientApp()
server = ServerApp()


@client.query("give")
def give(message, context):
    data = np.random.default_rng(0).integers(0, 256, message.content["config"]["size"], dtype=np.uint8)
    return Message(RecordDict({"arrays": ArrayRecord({"bytes": Array(data)})}), reply_to=message)


@client.query("take")
def take(message, context):
    size = len(message.content["arrays"]["bytes"].data)
    return Message(RecordDict({"config": ConfigRecord({"size": size})}), reply_to=message)


@server.main()
def main(grid, context):
    size = int(context.run_config["size"])
    while len(nodes := sorted(grid.get_node_ids())) < 2:
        time.sleep(0.1)

    def ask(node, kind, records):
        [reply] = grid.send_and_receive([Message(records, dst_node_id=node, message_type=f"query.{kind}")])
        return reply.content

    def carry(size):
        started = time.perf_counter()
        given = ask(nodes[0], "give", RecordDict({"config": ConfigRecord({"size": size})}))
        ask(nodes[1], "take", RecordDict({"arrays": given["arrays"]}))
        return time.perf_counter() - started

    empty = carry(1)  # starts the actors; what is left is polling
    empty = carry(1)
    Path(context.run_config["output"]).write_text(f"{carry(size)} {empty}")
'''


@pytest.mark.benchmark(group="exchange")
def test_a_release_comes_many_times_faster_than_in_flower_messages(benchmark, folder, tmp_path: Path) -> None:
    project, said = tmp_path / "carrier", tmp_path / "seconds"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "carrier.py").write_text(APP)
    seconds: list[float] = []  # of the transfer alone, as in the app; the benchmark's own time has the start of both processes
    benchmark.pedantic(lambda: seconds.append(transfer(folder, "exchange")[0]), rounds=5)
    started = time.perf_counter()
    run_through_flower(project, {"output": str(said), "size": THROUGH_FLOWER}, 2, 1, tmp_path / "home", lambda _: None)
    whole_run_s = time.perf_counter() - started
    flower_s, empty_s = map(float, said.read_text().split())
    ours = SIZE / statistics.median(seconds) / 1e6
    flower = THROUGH_FLOWER / flower_s / 1e6
    benchmark.extra_info |= {
        "exchange, MB/s": ours,
        "Flower messages, MB/s": flower,
        "ratio": ours / flower,
        "a message of one byte, s": empty_s,
        "Flower's whole run, s": whole_run_s,
    }
    assert ours >= LEAST * flower
