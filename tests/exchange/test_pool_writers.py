"""Writers that are killed, and writers at the same time: a release is in the pool whole, or not at all."""

import json
import os
import signal
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dpm_flower.exchange.pool import Pool
from tests.exchange.examples import contents, released

ROOT = Path(__file__).parents[2]


@pytest.fixture
def quick_folder(tmp_path):
    """A folder in memory where there is such a thing: SQLite's own syncs take most of the time otherwise."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield folder


@pytest.mark.parametrize(
    ("case", "states", "finally_", "told"),
    [
        ("new", ["unlisted, nothing", "held, whole"], "held, whole", {"published", "admitted"}),
        ("mending", ["held, damaged", "held, whole"], "held, whole", {"published"}),
        ("withdrawing", ["held, whole", "withdrawn, nothing"], "withdrawn, nothing", {"withdrawn"}),
        ("rebuilding", ["held, whole"], "held, whole", {"published"}),
        ("opening", ["withdrawn, nothing"], "withdrawn, nothing", {"withdrawn"}),
    ],
)
def test_killed_before_any_line_folder_index_and_log_agree(quick_folder, case, states, finally_, told):
    command = [sys.executable, "-m", "tests.exchange.kill_scan", quick_folder, case]
    results = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    assert len(results) > 60
    assert {result["signal"] for result in results} == {signal.SIGKILL}
    assert [found for found, _ in groupby(result["found"] for result in results)] == states
    assert {tuple(result["left"]) for result in results} == {("mutex",)}
    assert {result["then"] for result in results} == {finally_}
    assert all(told & set(result["events"]) for result in results)  # the log, whose chain the scan verified, misses nothing


def in_child(act):
    """Starts `act` in a forked process -> its id. It ends with 0 if `act` returned and 1 if it raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return child


def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_two_writers_at_once_and_a_third_that_opens_the_pool_all_the_while(tmp_path):
    common = [released(sequence) for sequence in range(6)]
    own = [[released(10 + sequence) for sequence in range(3)], [released(20 + sequence) for sequence in range(3)]]
    everything = [*common, *own[0], *own[1]]

    def publish(mine):
        pool = Pool(tmp_path)
        for pair in [*common, *mine]:
            pool.publish(*pair)

    children = [in_child(lambda mine=mine: publish(mine)) for mine in own]
    for _ in range(40):
        assert all(envelope in [release.envelope for release, _ in everything] for envelope in Pool(tmp_path).envelopes())
    assert [ended(child) for child in children] == [0, 0]
    pool = Pool(tmp_path)
    assert [pool.read(release) for release, _ in everything] == [shards for _, shards in everything]
    assert pool.digests() == sorted(release.digest for release, _ in everything)
    assert list(contents(tmp_path / "staging")) == ["mutex"]


def test_a_reader_sees_no_release_or_all_of_it(tmp_path):
    release, shards = released(samples=200)
    reader = Pool(tmp_path)
    child = in_child(lambda: Pool(tmp_path).publish(release, shards))
    while not reader.digests() and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        pass
    assert reader.read(release) == shards
    assert ended(child) == 0
