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
from tests.regime.small_inbox import came_when_touched, days_pixels, images_come, png, read_days, small_study, traces, with_small_networks
from tests.training.toys import normed_nets

USUAL_KILLS, MANY_KILLS = 20, 200
SLACK_S = 3600  # before its time, in which an image may be gone: a site leaves itself half an hour


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
            code = 1
            try:
                code = site_run.run(self.file, self.inbox, once=True, clock=self.clock)
            finally:
                os._exit(code)
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) in ((0,) if killed_after_s is None else (0, -signal.SIGKILL))
        return os.WIFSIGNALED(status)

    def check(self):
        """Somebody opens the store: what is over is nowhere, and what is not is there, every image -> of how many days before the last."""
        RetentionStore.open(self.folder / "store", read_site_file(self.file).inbox.policy, self.clock)
        assert verify(Keeping(self.folder / "store", self.clock)).wrong == ()
        living = 0
        for day, at in enumerate(self.came):
            if self.clock.wall_s >= at + DAY:
                assert [path for path in traces([self.folder], day) if not path.is_relative_to(self.inbox)] == [], day
            elif self.clock.wall_s < at + DAY - SLACK_S:
                assert self.lost(day) == [], day
                living += day < len(self.came) - 1
        return living

    def lost(self, day):
        """Which of a day's images lie neither in the inbox nor in the store, as they came."""
        places = (self.inbox, self.folder / "store" / "items")
        held = [path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()]
        return [number for number, pixels in enumerate(days_pixels(day)[0]) if not any(png(pixels)[60:] in each for each in held)]


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
    with_small_networks(monkeypatch, normed_nets)  # so that statistics are taken as well


@pytest.mark.usefixtures("_small")
def test_killed_at_random_nothing_of_an_image_outlives_its_time_anywhere_in_the_site(tmp_path):
    kill_at_random(tmp_path, USUAL_KILLS)


@pytest.mark.soak
@pytest.mark.usefixtures("_small")
def test_many_kills_of_a_site(tmp_path):
    kill_at_random(tmp_path, int(os.environ.get("KILLS", MANY_KILLS)))
