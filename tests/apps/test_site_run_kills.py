"""Processes of `dpm-flower site run` that are killed at random: nothing of an image outlives its time anywhere, and none goes before it."""

import os
import random
import signal
import time

import pytest

from dpm_flower.apps import site_run
from dpm_flower.data.retention import inbox as inbox_module
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.retention.verifying import verify
from dpm_flower.regime.site_file import read_site_file
from tests.apps.small_site import made_site
from tests.data.retention.fakes import DAY, FakeClock
from tests.in_memory import folder_in_memory
from tests.regime.small_inbox import IMAGES, came_when_touched, images_come, read_days, small_study, traces, with_small_networks

USUAL_KILLS, MANY_KILLS = 20, 200
RESERVE_S = 3600  # before their time, from which on images may be deleted: a site leaves itself that long


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is some: a day syncs a hundred times."""
    with folder_in_memory(tmp_path) as folder:
        yield folder


class Site:
    """A site whose processes are killed, its inbox, its clock, and when the images of each day came."""

    def __init__(self, folder):
        self.folder, self.inbox = folder, folder / "in"
        self.inbox.mkdir()
        self.file = made_site(folder)
        self.clock = FakeClock(wall_s=time.time() + 10)
        self.came = []

    def images_come(self):
        """A day's images lie in the inbox."""
        images_come(self.inbox, len(self.came), self.clock)
        self.came.append(self.clock.wall_s)

    def process(self, killed_after_s=None):
        """One process takes in what there is and learns from it, to its end or until it is killed -> whether it was."""
        child = os.fork()
        if child == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os._exit(site_run.run(self.file, self.inbox, once=True, clock=self.clock))
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
        return os.WIFSIGNALED(status)

    def check(self):
        """Somebody opens the store, and no more: what is over is nowhere, and what is not is whole -> how many days' images live."""
        RetentionStore.open(self.folder / "store", read_site_file(self.file).inbox.policy, self.clock)
        assert verify(Keeping(self.folder / "store", self.clock)).wrong == ()
        living = 0
        for day, at in enumerate(self.came):
            found = traces([self.folder], day)
            if self.clock.wall_s >= at + DAY:
                assert [path for path in found if not path.is_relative_to(self.inbox)] == [], day
            elif self.clock.wall_s < at + DAY - RESERVE_S:
                assert len({path.name for path in found if path.suffix == ".png" or path.parent.name == "items"}) >= IMAGES, day
                living += 1
        return living


def kill_at_random(folder, kills):
    site, rng, done, living = Site(folder), random.Random(11), 0, 0
    site.images_come()
    began = time.monotonic()
    assert not site.process()
    usual_s = time.monotonic() - began
    while done < kills:
        site.clock.advance(rng.random() * DAY / 2)
        site.images_come()
        done += site.process(killed_after_s=rng.random() * usual_s)
        living += site.check()
    assert living > 0  # or nothing that lives was looked for
    assert not site.process()
    lines = read_days(folder / "sites" / "a" / "inbox" / "days.jsonl")
    assert lines[-1]["refined"]
    site.clock.advance(DAY)
    assert not site.process()  # also takes out of the inbox what no process came to in time
    assert site.check() == 0
    assert [path for day in range(len(site.came)) for path in traces([folder], day)] == []


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(site_run, "inbox_study", small_study)
    monkeypatch.setattr(inbox_module, "came_at", came_when_touched)
    with_small_networks(monkeypatch)


@pytest.mark.usefixtures("_small")
def test_killed_at_random_nothing_of_an_image_outlives_its_time_anywhere_in_the_site(tmp_path):
    kill_at_random(tmp_path, USUAL_KILLS)


@pytest.mark.soak
@pytest.mark.usefixtures("_small")
def test_many_kills_of_a_site(tmp_path):
    kill_at_random(tmp_path, int(os.environ.get("KILLS", MANY_KILLS)))
