"""Processes that are killed, at each of their steps and at random: nothing outlives its time, and nothing goes before it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpm_flower.core.errors import GoneError
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.busy import POLICY, highest_time
from tests.data.retention.fakes import DAY, FakeClock, content, found_in
from tests.data.retention.kill_scan import NEW, OLD

ROOT = Path(__file__).parents[3]
USUAL_KILLS, MANY_KILLS = 20, 200
LONGEST_S = 0.02  # that a process goes on after it was seen at work, before it is killed


def scan(folder, case):
    command = [sys.executable, "-m", "tests.data.retention.kill_scan", folder, case]
    results = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    assert len(results) > 15
    assert {result["signal"] for result in results} == {signal.SIGKILL}
    return results


@pytest.mark.parametrize("case", ["opening", "adding", "deriving", "exporting", "purging"])
def test_killed_before_any_step_the_store_keeps_its_word(quick, case):
    for result in scan(quick, case):
        at_once, later = result["at_once"], result["later"]
        over = {OLD} if case == "purging" else set()
        assert set(result["added"]) - over <= set(at_once["readable"])  # nothing that was acknowledged has gone too early
        assert at_once["readable"] == at_once["traces"]  # and nothing lies there that has no entry, or is over
        assert over.isdisjoint(at_once["readable"])
        assert at_once["wrong"] == later["wrong"] == []
        assert later["readable"] == later["traces"] == []
        assert result["exported"] in ([], [True])  # whole, or not there


def test_an_image_is_there_from_the_moment_that_its_entry_is(quick):
    found = [result["at_once"]["readable"] for result in scan(quick, "adding")]
    assert found[0] == []
    assert found[-1] == [NEW]
    assert found == sorted(found)


def test_killed_with_a_damaged_ledger_what_is_over_by_its_name_has_gone_and_nothing_else(quick):
    for result in scan(quick, "damaged"):
        assert result["at_once"]["readable"] == result["later"]["readable"] == []
        assert "entry 2 was changed" in result["at_once"]["wrong"][0]
        assert result["at_once"]["traces"] == [NEW]
        assert result["later"]["traces"] == []


def test_an_order_that_was_written_down_is_carried_out_after_a_kill(quick):
    found = [result["at_once"] for result in scan(quick, "emptying")]
    assert [each["wrong"] for each in found] == [[]] * len(found)
    states = [(each["readable"], each["traces"]) for each in found]
    assert set(map(str, states)) == {str(([OLD, NEW], [OLD, NEW])), str(([], []))}
    assert states[0] != states[-1]


class Killed:
    """A store with which one process after the other works until it is killed."""

    def __init__(self, folder, seed):
        self.folder = folder / "store"
        self.rng = random.Random(seed)
        self.told = []  # what the processes were told: number, item, arrived_at
        self.expiry = {}  # of the items that were seen

    def once(self):
        """Starts a process, and kills it somewhere in its work, after a few images."""
        first = 1000 + max((line["number"] for line in self.told), default=0)  # numbers may be there of which nobody was told
        command = [sys.executable, "-m", "tests.data.retention.busy", self.folder, str(self.rng.randrange(10**6)), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            lines = [process.stdout.readline() for _ in range(self.rng.randrange(1, 6))]
            time.sleep(self.rng.random() * LONGEST_S)
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL
        self.told += [json.loads(line) for line in lines if line.endswith(b"}\n")]

    def check(self):
        """Opens the store as whoever comes next: what is over has left no piece, and what is not can be read -> how much is held."""
        clock = FakeClock(highest_time(self.folder) + self.rng.random() * DAY / 4, 1.0, 99)
        store = RetentionStore.open(self.folder, POLICY, clock)
        assert verify(Keeping(self.folder, clock)).wrong == ()
        held, now = {item.id: item.expires_at for item in store.items()}, int(clock.wall_s)
        self.expiry |= held
        for line in self.told:
            if line["item"] in held:
                assert held[line["item"]] > now
                assert store.read(line["item"]).content == content(line["number"])
            else:
                assert self.expiry.get(line["item"], line["arrived_at"] + DAY) <= now
                assert found_in(self.folder, line["number"]) == []
                with pytest.raises(GoneError):
                    store.read(line["item"])
        return len(held)


def kill_at_random(folder, kills):
    killed = Killed(folder, 7)
    held = 0
    for _ in range(kills):
        killed.once()
        held += killed.check()
    assert held > 0  # or the checks saw nothing that lives
    RetentionStore.open(killed.folder, POLICY, FakeClock(highest_time(killed.folder) + 3 * DAY, 1.0, 100))
    assert all(found_in(killed.folder, line["number"]) == [] for line in killed.told)
    assert [list((killed.folder / part).iterdir()) for part in ("items", "derived")] == [[], []]


def test_processes_that_are_killed_at_random_keep_nothing_too_long_and_delete_nothing_early(quick):
    kill_at_random(quick, USUAL_KILLS)


@pytest.mark.soak
def test_many_kills(quick):
    kill_at_random(quick, int(os.environ.get("KILLS", MANY_KILLS)))
