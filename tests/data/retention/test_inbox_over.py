"""What of an inbox is over: counted, then erased, by the rule by which images are taken in."""

import os
import time

import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention import inbox as inbox_module
from dpm_flower.data.retention import inbox_over, layout
from dpm_flower.data.retention.inbox import take_in
from dpm_flower.data.retention.inbox_over import erase_over, over_in
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.policy import LATEST_S, RetentionPolicy
from tests.data.retention.fakes import DAY
from tests.data.retention.test_inbox import left, png

OLD, YOUNG = DAY, DAY - 60


@pytest.fixture
def clock(clock):
    clock.wall_s = float(int(time.time()))
    return clock


@pytest.fixture
def inbox(quick, monkeypatch):
    """An inbox to which files came when they were touched last."""
    monkeypatch.setattr(inbox_module, "came_at", lambda path: int(path.lstat().st_mtime))
    (quick / "inbox").mkdir()
    return quick / "inbox"


@pytest.fixture
def put(inbox, clock):
    def put_file(name, age_s):
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png())
        os.utime(path, (clock.wall_s - age_s,) * 2)

    return put_file


def turn_of(store, clock):
    with Keeping(store.folder, clock).turn() as turn:
        return turn


def test_what_is_over_is_counted_and_erased_and_the_rest_stays(inbox, store, clock, put):
    over = ["cat/a.png", "b.png", ".c.png", "cat/.tmp/d.png", "rejected/e.png", "rejected/cat/f.png.reason.txt"]
    stays = ["b.xml", "cat/g.png", "cat/.h.png", "rejected/i.png"]
    for name in over:
        put(name, OLD)
    for name in stays:
        put(name, YOUNG)
    turn = turn_of(store, clock)
    found = over_in(inbox, turn)
    assert (found.files, found.failed) == (7, [])  # an annotation goes with its image
    assert left(inbox) == sorted(over + stays)
    done = erase_over(inbox, turn)
    assert (done.files, done.failed) == (7, [])
    assert left(inbox) == sorted(stays[1:])
    assert over_in(inbox, turn).files == erase_over(inbox, turn).files == 0


def test_what_came_under_an_old_name_meanwhile_stays(inbox, store, clock, put, monkeypatch):
    for name in ("a.png", "b.png", ".c.png"):
        put(name, OLD)

    def slowly(path):
        path.unlink()
        if path.name == "a.png":
            put("b.png", 0)
            put(".c.png", 0)

    monkeypatch.setattr(inbox_over, "erase_file", slowly)
    assert erase_over(inbox, turn_of(store, clock)).files == 1
    assert left(inbox) == [".c.png", "b.png"]


def test_links_go_and_what_they_lead_to_stays(inbox, store, clock, put, quick):
    (quick / "others").mkdir()
    (quick / "others" / "a.png").write_bytes(png())
    for name in ("b", ".c", "rejected/d"):
        put(name, YOUNG)
        (inbox / name).unlink()
        (inbox / name).symlink_to(quick / "others")
        os.utime(inbox / name, (clock.wall_s - OLD,) * 2, follow_symlinks=False)
    turn = turn_of(store, clock)
    assert over_in(inbox, turn).files == erase_over(inbox, turn).files == 3
    assert left(inbox) == []
    assert (quick / "others" / "a.png").read_bytes() == png()


def test_while_the_store_takes_images_of_the_warm_up_what_waits_has_their_time(inbox, opened, clock, put):
    store = opened(RetentionPolicy(ttl_s=DAY, warm_up_ttl_s=10 * DAY, warm_up_items=1))
    put("cat/a.png", OLD)
    put(".b.png", OLD)
    put("cat/c.png", 10 * DAY)
    assert over_in(inbox, turn_of(store, clock)).files == 2
    store.add(png(), int(clock.wall_s))
    assert over_in(inbox, turn_of(store, clock)).files == 3


def test_where_images_may_live_longer_than_can_be_written_down_nothing_that_waits_is_over(inbox, opened, clock, put):
    store = opened(RetentionPolicy(ttl_s=LATEST_S, warm_up_ttl_s=LATEST_S, warm_up_items=0))
    put("cat/a.png", OLD)
    found = over_in(inbox, turn_of(store, clock))
    assert (found.files, found.failed) == (0, [])


def test_what_waits_is_over_exactly_when_it_would_not_be_taken_in(inbox, store, clock, put):
    for number, age_s in enumerate((0, YOUNG, DAY - 1, DAY, DAY + 1, 3 * DAY)):
        put(f"cat/{number}.png", age_s)
    count = over_in(inbox, turn_of(store, clock)).files
    assert len(take_in(inbox, store, ("cat",)).over) == count == 3


def test_where_the_clock_is_behind_what_may_have_time_left_waits_on(inbox, store, clock, put):
    store.purge()
    clock.set_back(3600)
    put("cat/a.png", DAY - 1800)
    put("cat/b.png", OLD)
    turn = turn_of(store, clock)
    assert turn.behind_s == 3600
    assert erase_over(inbox, turn).files == 1
    assert left(inbox) == ["cat/a.png"]
    with pytest.raises(RetentionError, match="nothing of that age is taken in"):
        take_in(inbox, store, ("cat",))


def test_where_nobody_knows_how_late_it_is_nothing_is_erased(inbox, store, clock, put):
    put("cat/a.png", OLD)
    store.purge()
    clock.set_back(3600)
    clock.reboot()
    with pytest.raises(RetentionError, match="nobody knows how late it is"):
        erase_over(inbox, turn_of(store, clock))
    assert left(inbox) == ["cat/a.png"]


def test_what_cannot_be_looked_at_or_erased_stops_nothing_else_and_is_not_named(inbox, store, clock, put, monkeypatch):
    came_at, erase_file = inbox_module.came_at, inbox_over.erase_file

    def closed(path):
        if path.name == "anna.png":
            raise PermissionError(13, "Permission denied", str(path))
        return came_at(path)

    def failing(path):
        if path.name == "berta.png":
            raise OutputError("cannot erase a file of the inbox: Permission denied")
        erase_file(path)

    monkeypatch.setattr(inbox_module, "came_at", closed)
    monkeypatch.setattr(inbox_over, "erase_file", failing)
    monkeypatch.setattr(inbox_over, "clear", lambda *_: failing(inbox / "berta.png"))
    for name in ("anna.png", "berta.png", "carla.png"):
        put(f"cat/{name}", OLD)
    done = erase_over(inbox, turn_of(store, clock))
    assert done.files == 1
    assert left(inbox) == ["cat/anna.png", "cat/berta.png"]
    said = " ".join(map(str, done.failed))
    assert said.count("Permission denied") == len(done.failed) == 3
    assert not any(name in said for name in ("anna", "berta", "carla"))


def test_an_inbox_that_is_not_there_is_told(store, clock, quick):
    for look in (over_in, erase_over):
        (failed,) = look(quick / "none", turn_of(store, clock)).failed
        assert "cannot read the inbox" in str(failed)


def test_a_store_that_tells_of_no_time_is_refused(inbox, clock, quick, put):
    put("cat/a.png", OLD)
    layout.make(quick / "bare")
    with Keeping(quick / "bare", clock).turn() as turn:
        pass
    for look in (over_in, erase_over):
        with pytest.raises(RetentionError, match="wanted a store that tells how long images live"):
            look(inbox, turn)
    assert left(inbox) == ["cat/a.png"]
