import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.payload import roster_lock
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.roster_envelope import text_digest
from dpm_flower.payload.roster_lock import MAX_LOCK_BYTES, RosterLock, follow, pin, read_lock, self_signed
from tests.payload.examples import NOW
from tests.payload.roster_examples import coordinator, identity, roster, signed, with_signatures_of

ACCEPTED = signed(roster(), "ada", "bea")
LOCK = RosterLock.on(roster(), ACCEPTED)
NEWER = roster(version=4)
OTHERS = (coordinator("dee"), coordinator("eve"))
CHANGED = roster(version=4, coordinators=OTHERS)
MINE = "coordinators of version 3"


def test_the_accepted_roster_stays_accepted_whoever_signs_it_too():
    assert LOCK.follow(ACCEPTED) == roster()
    assert LOCK.follow(with_signatures_of(ACCEPTED, "cyd")) == roster()
    assert LOCK.follow(signed(roster(), "bea", "cyd")) == roster()


def test_any_newer_version_of_the_same_coordinators_is_accepted():
    assert LOCK.follow(signed(NEWER, "bea", "cyd")) == NEWER
    assert LOCK.follow(signed(roster(version=99), "ada", "bea")).version == 99


def test_an_expired_roster_can_be_followed_and_from_one():
    expired = roster(made_at=NOW - 99, expires_at=NOW - 9)
    assert RosterLock.on(expired, signed(expired, "ada", "bea")).follow(signed(NEWER, "ada", "bea")) == NEWER
    assert LOCK.follow(signed(replace(expired, version=4), "ada", "bea")).expires_at == NOW - 9


def test_a_change_of_coordinators_needs_the_old_ones_and_the_new_ones():
    both = with_signatures_of(signed(CHANGED, "ada", "bea"), "dee", "eve")
    assert LOCK.follow(both) == CHANGED
    for unsigned, said in (
        (signed(CHANGED, "dee", "eve"), MINE),
        (with_signatures_of(signed(CHANGED, "ada"), "dee", "eve"), MINE),
        (signed(CHANGED, "ada", "bea"), "its own coordinators"),
        (with_signatures_of(signed(CHANGED, "ada", "bea"), "dee"), "its own coordinators"),
    ):
        with pytest.raises(ReleaseError, match=said):
            LOCK.follow(unsigned)


def test_the_roster_that_changed_the_coordinators_can_be_read_again():
    both = with_signatures_of(signed(CHANGED, "ada", "bea"), "dee", "eve")
    assert RosterLock.on(CHANGED, both).follow(both) == CHANGED


def test_the_coordinators_that_were_changed_have_no_say_any_more():
    both = with_signatures_of(signed(CHANGED, "ada", "bea"), "dee", "eve")
    with pytest.raises(ReleaseError, match="coordinators of version 4"):
        RosterLock.on(CHANGED, both).follow(signed(roster(version=5), "ada", "bea", "cyd"))


def test_a_coordinators_old_keys_do_not_count_after_new_ones():
    turned = roster(version=4, coordinators=(coordinator("ada", 2), coordinator("bea"), coordinator("cyd")))
    envelope = with_signatures_of(signed(turned, "ada", "bea"), "ada", generation=2)
    lock = RosterLock.on(LOCK.follow(envelope), envelope)
    with pytest.raises(ReleaseError, match="got 1: bea"):
        lock.follow(signed(replace(turned, version=5), "ada", "bea"))


def test_a_higher_threshold_must_be_reached_by_the_version_that_sets_it():
    stricter = roster(version=4, threshold=3)
    with pytest.raises(ReleaseError, match="wanted the signatures of 3 of its own coordinators"):
        LOCK.follow(signed(stricter, "ada", "bea"))
    LOCK.follow(signed(stricter, "ada", "bea", "cyd"))


def test_a_lower_threshold_does_not_hold_for_the_version_that_sets_it():
    with pytest.raises(ReleaseError, match=f"wanted the signatures of 2 of the {MINE}"):
        LOCK.follow(signed(roster(version=4, threshold=1), "ada"))


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (signed(NEWER), f"wanted the signatures of 2 of the {MINE}.* got 0: none"),
        (signed(NEWER, "ada"), "got 1: ada; if they changed more than once"),
        (signed(NEWER, "ada", "entity-a"), "got 1: ada"),
        (signed(roster(version=2), "ada", "bea"), "an older roster: this site accepted version 3 before, got 2"),
        (signed(roster(threshold=1), "ada", "bea"), "another roster of the same version 3"),
        (
            signed(roster(version=4, consortium="Another"), "ada", "bea"),
            "wanted the roster of Retina consortium, Köln, got that of Another",
        ),
        (replace(ACCEPTED, payload=ACCEPTED.payload.replace(b"version = 3", b"version = 4")), "coordinator ada: .* does not hold"),
        (replace(ACCEPTED, signatures=ACCEPTED.signatures[:3]), "coordinator bea: downgrade"),
        (replace(ACCEPTED, payload_type="text/plain"), "wanted an envelope of application/vnd.dpm-flower.roster"),
    ],
)
def test_a_roster_that_is_no_rightful_successor_is_refused(envelope, said):
    with pytest.raises(ReleaseError, match=said):
        LOCK.follow(envelope)


def test_nothing_is_decoded_before_the_accepted_coordinators_signatures_were_checked():
    with pytest.raises(ReleaseError, match=MINE):
        LOCK.follow(replace(ACCEPTED, payload=b"\xff no TOML", signatures=()))


def test_a_first_roster_is_signed_by_its_own_coordinators():
    assert self_signed(ACCEPTED) == roster()
    with pytest.raises(ReleaseError, match="wanted the signatures of 2 of its own coordinators"):
        self_signed(signed(roster(), "ada"))


def test_what_coordinators_signed_as_something_else_is_no_roster():
    text = ACCEPTED.payload
    envelope = Envelope(
        text, "text/plain", tuple(each for name in ("ada", "bea") for each in identity(name).signing.sign("text/plain", text))
    )
    for judge in (LOCK.follow, self_signed):
        with pytest.raises(ReleaseError, match="wanted an envelope of"):
            judge(envelope)


def test_a_lock_is_read_back():
    assert RosterLock.from_bytes(LOCK.to_bytes()) == LOCK
    assert len(LOCK.to_bytes()) < MAX_LOCK_BYTES


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a roster's lock is not JSON"),
        (b"{}", "a roster's lock lacks"),
        (LOCK.to_bytes().replace(b'"version":3', b'"version":0'), "version must be"),
        (LOCK.to_bytes().replace(b'"threshold":2', b'"threshold":0'), "the threshold must be"),
        (LOCK.to_bytes().replace(text_digest(ACCEPTED).encode(), b"ab"), "digest must be"),
        (b" " * (MAX_LOCK_BYTES + 1), "may take"),
    ],
)
def test_a_damaged_lock_is_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        RosterLock.from_bytes(data)


def test_a_site_is_held_to_what_it_pinned_and_followed(tmp_path):
    path = tmp_path / "site" / "roster.lock"
    assert pin(path, ACCEPTED) == roster()
    assert read_lock(path) == LOCK
    newer = signed(NEWER, "ada", "cyd")
    assert follow(path, newer) == NEWER
    assert read_lock(path) == RosterLock.on(NEWER, newer)
    with pytest.raises(ReleaseError, match="an older roster"):
        follow(path, ACCEPTED)
    assert read_lock(path) == RosterLock.on(NEWER, newer)


def test_a_site_is_not_pinned_twice(tmp_path):
    path = tmp_path / "roster.lock"
    pin(path, ACCEPTED)
    with pytest.raises(ReleaseError, match="to version 3 already"):
        pin(path, signed(CHANGED, "dee", "eve"))
    assert read_lock(path) == LOCK


def test_a_site_is_not_pinned_to_a_draft(tmp_path):
    with pytest.raises(ReleaseError, match="its own coordinators"):
        pin(tmp_path / "roster.lock", signed(roster(), "ada"))
    assert not (tmp_path / "roster.lock").exists()


def test_the_same_roster_again_writes_nothing(tmp_path):
    path = tmp_path / "roster.lock"
    pin(path, ACCEPTED)
    before = path.stat()
    follow(path, with_signatures_of(ACCEPTED, "cyd"))
    after = path.stat()  # reading may move the time of access, and nothing else
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (before.st_ino, before.st_mtime_ns, before.st_ctime_ns)


def test_a_site_without_a_lock_follows_nothing(tmp_path):
    for path in (tmp_path / "roster.lock", tmp_path / "no" / "roster.lock"):
        with pytest.raises(ReleaseError, match="this site is held to no roster"):
            follow(path, ACCEPTED)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        pin(tmp_path / "file" / "roster.lock", ACCEPTED)


def test_who_follows_at_the_same_time_waits_and_no_lock_is_set_back(tmp_path, monkeypatch):
    path = tmp_path / "roster.lock"
    pin(path, ACCEPTED)
    versions = [signed(roster(version=version), "ada", "bea") for version in (4, 6, 5)]
    inside, most = [], []

    def slow_read(lock_path):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)  # the others would read the old lock meanwhile
        inside.pop()
        return read_lock(lock_path)

    def take(envelope):
        with suppress(ReleaseError):  # an older roster, for those who come too late
            follow(path, envelope)

    monkeypatch.setattr(roster_lock, "read_lock", slow_read)
    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(take, versions))
    assert most == [1] * len(versions)
    assert read_lock(path).version == 6
