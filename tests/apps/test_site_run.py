"""`dpm-flower site run`: a day at once, a process that watches until it is told to end, and what a full disk costs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from dpm_flower.apps import site_run
from dpm_flower.apps.site_run import run
from dpm_flower.data.retention import store as store_module
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.verifying import verify
from dpm_flower.regime.days_folder import DaysFolder
from dpm_flower.regime.site_file import read_site_file
from tests.apps.small_site import made_site
from tests.data.retention.fakes import DAY, FakeClock
from tests.in_memory import folder_in_memory
from tests.regime.small_inbox import IMAGES, images_come, png, read_days, small_study, with_small_networks

ROOT = Path(__file__).parents[2]
WAIT_S = 1800.0  # for a process that takes seconds, however busy the machine is


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is some: a day syncs a hundred times."""
    with folder_in_memory(tmp_path) as folder:
        yield folder


@pytest.fixture
def clock():
    return FakeClock(wall_s=time.time() + 10)  # files come when they come


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    monkeypatch.setattr(site_run, "inbox_study", small_study)
    with_small_networks(monkeypatch)
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def days_of(tmp_path):
    return DaysFolder(tmp_path / "sites" / "a" / "inbox")


def lines_of(tmp_path):
    return read_days(days_of(tmp_path).report)


def command(site, inbox, *more):
    words = ["site", "run", "--site", str(site), "--inbox", str(inbox), *more]
    return [sys.executable, "-m", "tests.apps.small_site", *words]


def test_once_is_a_day_and_again_without_anything_new_is_none(tmp_path, inbox, clock, capsys):
    site = made_site(tmp_path)
    images_come(inbox, 0, clock)
    (inbox / "cow").mkdir()
    Path(os.fsdecode(bytes(inbox / "cow") + b"/anna\xff.png")).write_bytes(png(torch.zeros(3, 12, 12, dtype=torch.uint8).numpy()))
    assert run(site, inbox, once=True, clock=clock) == 0
    said = capsys.readouterr().out
    assert "1 files wait in the inbox" in said
    assert f"{IMAGES} taken, 0 rejected" in said
    clock.advance(120)
    assert run(site, inbox, once=True, clock=clock) == 0
    said = capsys.readouterr()
    assert "files that cannot be used: 1; see rejected/" in said.out
    assert "anna" not in said.out + said.err  # names tell of whom an image is, and would outlive it in a log
    assert run(site, inbox, once=True, clock=clock) == 0
    assert capsys.readouterr().out == ""
    first, second = lines_of(tmp_path)
    assert (first["taken"], first["released"], first["rejected"], first["kept_releases"]) == (IMAGES, IMAGES, 0, 1)
    assert (second["taken"], second["rejected"], second["held"]) == (0, 1, IMAGES)
    clock.advance(DAY)
    assert run(site, inbox, once=True, clock=clock) == 0  # what was put aside is cleared, and what is over is deleted
    assert [path for path in (*inbox.rglob("*"), *(tmp_path / "store" / "items").iterdir()) if path.is_file()] == []
    assert verify(Keeping(tmp_path / "store", clock)).wrong == ()


def test_a_signal_while_something_is_trained_ends_it_well_and_the_next_start_goes_on(tmp_path, inbox, clock, monkeypatch):
    site = made_site(tmp_path)
    images_come(inbox, 0, clock)
    opens = site_run.open_day

    def signalled(*arguments):
        days = opens(*arguments)
        signal.raise_signal(signal.SIGTERM)
        return days

    with monkeypatch.context() as patched:
        patched.setattr(site_run, "open_day", signalled)
        assert run(site, inbox, once=True, clock=clock) == 0
    assert lines_of(tmp_path) == []
    assert days_of(tmp_path).read().day.steps == 1  # the networks were there; its release is still to be made
    assert run(site, inbox, once=True, clock=clock) == 0
    (line,) = lines_of(tmp_path)
    assert (line["released"], line["refined"]) == (IMAGES, True)


def test_what_a_full_disk_does_not_take_waits_and_the_next_look_goes_on(tmp_path, inbox, clock, monkeypatch, capsys):
    site = made_site(tmp_path)
    images_come(inbox, 0, clock)
    writes, calls = store_module.write_item, []

    def full(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        writes(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "write_item", full)
        assert run(site, inbox, once=True, clock=clock) == 1
    said = capsys.readouterr()
    assert "not all that came could be handled, and what is left waits in the inbox" in said.out
    assert "No space left on device" in said.err
    assert len([path for path in inbox.rglob("*.png") if path.is_file()]) == 1
    assert run(site, inbox, once=True, clock=clock) == 0
    assert [line["released"] for line in lines_of(tmp_path)] == [IMAGES - 1, 0]  # one alone is too few
    assert verify(Keeping(tmp_path / "store", clock)).wrong == ()


def test_a_disk_that_is_full_when_a_step_is_written_down_costs_a_look_and_no_image(tmp_path, inbox, clock, monkeypatch):
    site = made_site(tmp_path)
    images_come(inbox, 0, clock)
    writes, calls = DaysFolder.write, []

    def full(self, days):
        calls.append(1)
        if len(calls) == 4:
            raise store_module.OutputError("No space left on device")
        return writes(self, days)

    monkeypatch.setattr(DaysFolder, "write", full)
    assert run(site, inbox, once=True, clock=clock) == 1
    assert lines_of(tmp_path) == []
    assert run(site, inbox, once=True, clock=clock) == 0
    (line,) = lines_of(tmp_path)
    assert (line["released"], line["kept_releases"]) == (IMAGES, 1)


def test_a_watching_look_works_when_the_day_has_ended_and_not_before(tmp_path, inbox, clock):
    hour = time.strftime("%H:%M", time.gmtime(clock.wall_s + 7200))
    site, console, told = made_site(tmp_path, f'day_ends = "{hour}"'), Console(file=open(os.devnull, "w")), []  # noqa: SIM115
    ended = site_run.Event()
    with site_run.opened(site, inbox, told.append, ended, clock) as daily:
        days = daily.begin()
        images_come(inbox, 0, clock)
        days = site_run.look(daily, days, inbox, console, told.append, once=False)
        assert (lines_of(tmp_path), list(inbox.rglob("*.png"))) == ([], [])
        clock.advance(7200)
        days = site_run.look(daily, days, inbox, console, told.append, once=False)
        assert [line["released"] for line in lines_of(tmp_path)] == [IMAGES]
        clock.advance(3600)
        site_run.look(daily, days, inbox, console, told.append, once=False)
    assert (len(lines_of(tmp_path)), told) == (1, [])


def test_a_site_file_without_an_inbox_and_a_second_process_are_refused(tmp_path, inbox, clock, capsys):
    site = made_site(tmp_path)
    with site_run.opened(site, inbox, print, site_run.Event(), clock):
        assert run(site, inbox, once=True, clock=clock) == 1
    assert "another run is writing" in capsys.readouterr().err
    site.write_text(site.read_text().partition("[inbox]")[0])
    assert run(site, inbox, once=True, clock=clock) == 1
    assert "wanted a section inbox, got none" in capsys.readouterr().err


def test_as_a_process_once_and_then_watching_until_it_is_told_to_end(tmp_path):
    site, now, inbox = made_site(tmp_path), FakeClock(wall_s=time.time()), tmp_path / "in"
    images_come(inbox, 0, now)
    done = subprocess.run(command(site, inbox, "--once"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{IMAGES} taken, 0 rejected" in done.stdout
    with subprocess.Popen(command(site, inbox), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        images_come(inbox, 1, now)
        give_up = time.monotonic() + WAIT_S
        while list(inbox.rglob("*.png")) and process.poll() is None:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate()
    assert (process.returncode, error) == (0, b"")
    assert [line["released"] for line in lines_of(tmp_path)] == [IMAGES]  # the second day has not ended


def test_an_inbox_in_which_the_sites_own_files_lie_is_refused_and_nothing_is_touched(tmp_path, inbox, clock, capsys):
    site = made_site(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run(site, tmp_path, once=True, clock=clock) == 1
    assert f"got the inbox {tmp_path} and {site}: one lies in the other" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_over_goes_even_where_the_sites_keys_cannot_be_opened(tmp_path, inbox, clock, capsys):
    site = made_site(tmp_path)
    images_come(inbox, 0, clock)
    assert run(site, inbox, once=True, clock=clock) == 0
    keys = read_site_file(site).identity.folder
    keys.rename(keys.with_name("elsewhere"))
    clock.advance(DAY)
    assert any((tmp_path / "store" / "items").iterdir())
    assert run(site, inbox, once=True, clock=clock) == 1
    assert str(keys) in capsys.readouterr().err
    assert not any((tmp_path / "store" / "items").iterdir())


def test_kept_releases_are_encrypted_for_the_site_itself_alone(tmp_path, inbox, clock):
    site = made_site(tmp_path)
    with site_run.opened(site, inbox, print, site_run.Event(), clock) as daily:
        assert daily.notary.recipients is not None
        assert dict(daily.notary.recipients()) == {"a": daily.notary.hpke.public}


def test_a_state_that_cannot_be_read_costs_a_look_of_one_who_watches(tmp_path, inbox, clock, monkeypatch, capsys):
    site, reads, calls, looks = made_site(tmp_path), DaysFolder.read, [], []

    def read(self):
        calls.append(1)
        if len(calls) == 3:
            raise store_module.OutputError("the state is damaged")
        return reads(self)

    def look(*arguments, **_):
        looks.append(arguments)
        if len(looks) == 2:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(DaysFolder, "read", read)
    monkeypatch.setattr(site_run, "look", look)
    monkeypatch.setattr(site_run, "WATCH_S", 0.0)
    assert run(site, inbox, clock=clock) == 0
    assert (len(looks), len(calls)) == (2, 4)
    assert "the state is damaged" in capsys.readouterr().out
