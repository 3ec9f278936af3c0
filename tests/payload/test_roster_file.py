import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.payload import roster_file
from dpm_flower.payload.roster_envelope import write_envelope
from dpm_flower.payload.roster_file import RosterFile
from dpm_flower.payload.roster_lock import follow, pin, read_lock
from tests.payload.examples import NOW
from tests.payload.roster_examples import coordinator, roster, signed, with_signatures_of

FIRST, SECOND = signed(roster(), "ada", "bea"), signed(roster(version=4, members=()), "ada", "cyd")


@pytest.fixture
def site(tmp_path):
    """A site's roster file and lock, pinned to the first version."""
    path, lock = tmp_path / "roster.toml", tmp_path / "roster.lock"
    write_envelope(path, FIRST)
    pin(lock, FIRST)
    return path, lock


def test_a_new_roster_is_seen_at_the_next_call_and_held_to(site):
    path, lock = site
    current = RosterFile(path, lock)
    assert (current(), current.refusal) == (roster(), None)
    write_envelope(path, SECOND)
    assert (current(), current.refusal) == (roster(version=4, members=()), None)
    assert read_lock(lock).version == 4


def test_a_file_is_read_once_for_all_calls_until_it_changes(site, monkeypatch):
    path, lock = site
    reads = []
    monkeypatch.setattr(roster_file, "follow", lambda *files: reads.append(files) or follow(*files))
    current = RosterFile(path, lock)
    for _ in range(5):
        current()
    assert len(reads) == 1
    write_envelope(path, signed(roster(version=2), "ada", "bea"))  # refused, and not looked at again either
    for _ in range(5):
        current()
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: write_envelope(path, signed(roster(version=4), "ada")), "got 1: ada"),
        (lambda path: write_envelope(path, signed(roster(version=2), "ada", "bea")), "an older roster"),
        (lambda path: write_envelope(path, signed(roster(members=()), "ada", "bea")), "another roster of the same version"),
        (lambda path: path.write_text("half a file"), "must hold the line"),
        (lambda path: path.unlink(), "cannot be taken up: .*No such file"),
    ],
)
def test_the_last_good_roster_stays_and_the_reason_is_told_until_the_file_is_good_again(site, write, said):
    path, lock = site
    current = RosterFile(path, lock)
    current()
    write(path)
    for _ in range(2):
        assert current() == roster()
        with pytest.raises(ReleaseError, match=said):
            raise ReleaseError(current.refusal)
    assert str(path) in current.refusal
    write_envelope(path, SECOND)
    assert (current().version, current.refusal) == (4, None)


def test_without_any_good_roster_each_call_says_why(site):
    path, lock = site
    path.write_text("half a file")
    current = RosterFile(path, lock)
    for _ in range(2):
        with pytest.raises(ReleaseError, match=r"roster\.toml was refused: a roster's file must hold the line"):
            current()


def test_a_site_that_was_not_pinned_yet_goes_on_as_soon_as_it_is(site):
    path, lock = site
    lock.unlink()
    current = RosterFile(path, lock)
    with pytest.raises(ReleaseError, match="this site is held to no roster"):
        current()
    pin(lock, FIRST)
    assert current() == roster()


def test_a_roster_that_was_refused_is_taken_once_the_site_followed_the_one_between(site):
    path, lock = site
    between = roster(version=4, coordinators=(coordinator("dee"),), threshold=1)
    current = RosterFile(path, lock)
    current()
    write_envelope(path, signed(roster(version=5, coordinators=(coordinator("dee"),), threshold=1), "dee"))
    assert current().version == 3
    follow(lock, with_signatures_of(signed(between, "ada", "bea"), "dee"))
    assert (current().version, current.refusal) == (5, None)


def test_a_disk_that_is_full_for_a_while_delays_a_new_roster_only(site, monkeypatch):
    path, lock = site
    current = RosterFile(path, lock)
    current()
    write_envelope(path, SECOND)

    def full(*_):
        raise OutputError("cannot write: no space left")

    with monkeypatch.context() as patch:
        patch.setattr(roster_file, "follow", full)
        assert current().version == 3
        assert "no space left" in current.refusal
    assert current().version == 4


def test_an_expired_roster_is_given_and_refuses_its_use(site):
    path, lock = site
    write_envelope(path, signed(roster(version=4, made_at=NOW - 99, expires_at=NOW - 9), "ada", "bea"))
    current = RosterFile(path, lock)
    with pytest.raises(ReleaseError, match="the roster expired"):
        current().member("entity-a", NOW)


def test_a_file_of_the_same_size_and_time_is_seen(site):
    path, lock = site
    current = RosterFile(path, lock)
    current()
    before = path.stat()
    write_envelope(path, signed(roster(version=4), "ada", "bea"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert current().version == 4


def test_threads_share_one(site):
    path, lock = site
    current = RosterFile(path, lock)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: current().version, range(32))) == {3}
        write_envelope(path, SECOND)
        assert set(pool.map(lambda _: current().version, range(32))) == {4}
