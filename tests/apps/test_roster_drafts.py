import os
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps import roster_drafts
from dpm_flower.apps.roster_drafts import Draft, draft_path, found, in_force, kept_path, pending, propose, sign
from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.roster_changes import renewed
from dpm_flower.payload.roster_envelope import write_envelope
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, coordinator, identity, roster, signed, with_signatures_of

FIRST = roster(version=1)
CHANGED = roster(version=4, coordinators=(coordinator("cyd"), coordinator("dee"), coordinator("eve")))


def keys(name):
    return identity(name).signing


def later(one):
    return renewed(one, now=NOW, lasts_s=DAY)


def test_a_draft_wants_the_coordinators_in_force_and_its_own():
    draft = Draft(CHANGED, signed(CHANGED), roster())
    assert draft.wanting == (roster().quorum, CHANGED.quorum)
    assert draft.signed(keys("ada")).signed(keys("bea")).wanting == (CHANGED.quorum,)
    assert draft.signed(keys("dee")).signed(keys("eve")).wanting == (roster().quorum,)
    assert draft.signed(keys("ada")).signed(keys("cyd")).signed(keys("eve")).wanting == ()


def test_the_same_coordinators_are_wanted_once():
    assert Draft(later(roster()), signed(later(roster())), roster()).wanting == (roster().quorum,)
    assert Draft(FIRST, signed(FIRST), None).wanting == (FIRST.quorum,)


def test_a_signature_of_which_there_are_enough_is_refused():
    draft = Draft(CHANGED, signed(CHANGED, "ada", "bea"), roster())
    with pytest.raises(ReleaseError, match="these keys have signed version 4 already"):
        draft.signed(keys("ada"))
    with pytest.raises(ReleaseError, match="wants the signatures of 2 of cyd, dee, eve, got the keys of none of them"):
        draft.signed(keys("entity-a"))
    few = roster(version=4, coordinators=(coordinator("dee"),), threshold=1)
    with pytest.raises(ReleaseError, match="wants the signatures of 1 of dee, got the keys of none of them"):
        Draft(few, signed(few, "ada", "bea"), roster()).signed(keys("cyd"))


def test_signatures_that_do_not_hold_are_never_counted():
    forged = replace(signed(CHANGED, "ada"), payload=signed(roster(version=5)).payload)
    with pytest.raises(ReleaseError, match=r"coordinator ada: .* does not hold"):
        _ = Draft(CHANGED, forged, roster()).wanting


def test_the_last_signature_brings_a_version_into_force_and_keeps_it(tmp_path):
    path = tmp_path / "certs" / "roster.toml"
    found(path, FIRST)
    assert in_force(path) is None
    assert sign(path, keys("ada")).wanting == (FIRST.quorum,)
    done = sign(path, keys("cyd"))
    assert (done.wanting, done.envelope) == ((), signed_as(path))
    assert in_force(path) == in_force(kept_path(path, 1)) == (FIRST, done.envelope)
    assert pending(path) is None
    assert sorted(each.name for each in path.parent.iterdir()) == ["roster.toml", "roster.v1.toml"]


def signed_as(path):
    current = in_force(path)
    assert current is not None
    return current[1]


def test_changes_pile_up_on_the_draft(tmp_path):
    path = tmp_path / "roster.toml"
    write_envelope(path, signed(roster(), "ada", "bea"))
    assert propose(path, later).roster.version == 4
    sign(path, keys("ada"))
    second = propose(path, later)
    assert (second.roster.version, second.before, second.envelope.signatures) == (5, roster(), ())
    assert pending(path) == second


def test_a_change_that_is_refused_leaves_the_draft_as_it_was(tmp_path):
    path = tmp_path / "roster.toml"
    write_envelope(path, signed(roster(), "ada", "bea"))
    propose(path, later)
    before = draft_path(path).read_bytes()

    def refuse(_):
        raise ReleaseError("no")

    with pytest.raises(ReleaseError, match="no"):
        propose(path, refuse)
    assert draft_path(path).read_bytes() == before


@pytest.fixture
def nearly(tmp_path):
    """A roster in force, and the draft of the next version, which wants one more signature."""
    path = tmp_path / "roster.toml"
    write_envelope(path, signed(roster(), "ada", "bea"))
    propose(path, later)
    sign(path, keys("ada"))
    return path


def test_a_sign_that_is_killed_before_the_new_roster_is_there_is_done_again(nearly, monkeypatch):
    def write(target, envelope):
        if target == nearly:
            raise KeyboardInterrupt
        write_envelope(target, envelope)

    with monkeypatch.context() as patch:
        patch.setattr(roster_drafts, "write_envelope", write)
        with pytest.raises(KeyboardInterrupt):
            sign(nearly, keys("bea"))
    assert in_force(nearly)[0] == roster()
    assert sign(nearly, keys("cyd")).wanting == ()
    assert in_force(nearly)[0].version == in_force(kept_path(nearly, 4))[0].version == 4


def test_a_draft_that_is_left_over_from_a_killed_sign_is_passed_over(nearly, monkeypatch):
    def unlink(path, missing_ok=False):
        if path == draft_path(nearly):
            raise KeyboardInterrupt
        os.unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            sign(nearly, keys("bea"))
    assert draft_path(nearly).exists()
    assert (pending(nearly), in_force(nearly)[0].version) == (None, 4)
    assert propose(nearly, later).roster.version == 5


def test_a_place_that_is_taken_is_refused(tmp_path):
    path = tmp_path / "roster.toml"
    found(path, FIRST)
    with pytest.raises(OutputError, match=r"roster\.draft\.toml is there already"):
        found(path, FIRST)
    draft_path(path).rename(path)
    with pytest.raises(OutputError, match=r"roster\.toml is there already"):
        found(path, FIRST)


def test_a_roster_in_force_that_its_own_coordinators_did_not_sign_is_no_ground_for_changes(tmp_path):
    path = tmp_path / "roster.toml"
    write_envelope(path, signed(roster(), "ada"))
    for step in (lambda: propose(path, later), lambda: pending(path), lambda: in_force(path)):
        with pytest.raises(ReleaseError, match="its own coordinators"):
            step()


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(SettingError, match="cannot read"):
        in_force(tmp_path)
    with pytest.raises(SettingError, match="no draft at"):
        sign(tmp_path / "roster.toml", keys("ada"))
    with pytest.raises(SettingError, match="no roster at"):
        propose(tmp_path / "roster.toml", later)


def test_a_draft_that_carries_signatures_of_a_version_before_is_complete_with_its_own_too():
    both = with_signatures_of(signed(CHANGED, "ada", "bea"), "dee", "eve")
    assert Draft(CHANGED, both, roster()).wanting == ()
