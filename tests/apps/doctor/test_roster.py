import shutil
from dataclasses import replace

import pytest

from dpm_flower.apps.doctor.roster import DATES, KEYS, MEMBER, ROSTER, roster_findings
from dpm_flower.payload.identity import CARD_NAME, Identity
from dpm_flower.payload.roster_lock import follow, read_lock
from tests.apps.doctor.world import DAY, NOW, World


def marks(world: World, now: int = NOW) -> list[str]:
    found = world.found(roster_findings, now)
    assert list(found) == [ROSTER, DATES, MEMBER, KEYS]
    return [one.mark for one in found.values()]


def test_a_good_roster_is_found_good(world: World) -> None:
    assert marks(world) == ["ok"] * 4
    assert (
        world.found(roster_findings)[ROSTER].found == "version 1 of trial, signed by its coordinators; the version that the site is held to"
    )


def test_a_site_that_is_held_to_none_is_told_how_to_pin_one(world: World) -> None:
    (world.folder / "roster.lock").unlink()
    assert marks(world) == ["wrong", "skipped", "skipped", "skipped"]
    assert f"dpm-flower roster check --roster {world.folder / 'roster.toml'}" in world.found(roster_findings)[ROSTER].remedy
    assert "--pin" in world.found(roster_findings)[ROSTER].remedy
    assert not (world.folder / "roster.lock").exists()


def test_a_damaged_lock_and_a_missing_roster_are_told_apart(world: World) -> None:
    roster = world.folder / "roster.toml"
    roster.rename(world.folder / "away.toml")
    found = world.found(roster_findings)[ROSTER]
    assert (found.mark, "--pin" in found.remedy) == ("wrong", False)
    assert found.found == f"cannot read {roster}: No such file or directory"
    (world.folder / "roster.lock").write_bytes(b"{}")
    assert "remove" in world.found(roster_findings)[ROSTER].remedy


def test_a_newer_roster_is_believed_and_the_lock_is_left_alone(world: World) -> None:
    world.put(world.roster(version=2))
    before = world.files()
    assert marks(world) == ["ok"] * 4
    assert "version 2 of trial, signed by its coordinators; follows version 1" in world.found(roster_findings)[ROSTER].found
    assert world.files() == before


def test_an_older_roster_is_refused(world: World) -> None:
    older = world.put(world.roster())
    follow(world.folder / "roster.lock", world.put(world.roster(version=2)))
    assert read_lock(world.folder / "roster.lock").version == 2
    assert older == world.put(world.roster())
    assert marks(world) == ["wrong", "skipped", "skipped", "skipped"]
    assert "an older roster: this site accepted version 2 before, got 1" in world.found(roster_findings)[ROSTER].found


def test_a_roster_that_the_coordinators_did_not_sign_is_refused(world: World) -> None:
    world.put(world.roster(version=2), signer=world.identities["b"])
    assert marks(world) == ["wrong", "skipped", "skipped", "skipped"]


@pytest.mark.parametrize(("days", "wanted"), [(77, ["ok", "warning", "warning", "ok"]), (91, ["ok", "wrong", "skipped", "ok"])])
def test_a_roster_that_ends_is_a_warning_and_then_wrong(world: World, days: int, wanted: list[str]) -> None:
    assert marks(world, NOW + days * DAY) == wanted


@pytest.mark.parametrize(
    ("changes", "said", "remedy"),
    [
        ({"revoked_at": NOW}, "a is revoked", "identity create"),
        ({"valid_until": NOW - 1}, "an expired member", "roster renew a"),
        ({"valid_from": NOW + 60}, "not yet a valid member", "wait until then"),
        ({"roles": frozenset({"relay"})}, "wrong role", "roster revoke a"),
    ],
)
def test_a_member_that_may_not_act_is_told_why(world: World, changes: dict[str, object], said: str, remedy: str) -> None:
    world.put(world.roster(world.member("a", **changes), version=2))
    assert marks(world) == ["ok", "ok", "wrong", "ok"]
    found = world.found(roster_findings)[MEMBER]
    assert said in found.found
    assert remedy in found.remedy


def test_who_is_not_on_the_roster_is_told_so(world: World) -> None:
    world.put(world.roster(world.member("b"), version=2))
    assert marks(world) == ["ok", "ok", "wrong", "skipped"]
    assert "'a' is unknown" in world.found(roster_findings)[MEMBER].found


def test_other_keys_than_the_rosters_are_wrong(world: World) -> None:
    shutil.rmtree(world.folder / "a")
    Identity.create(world.folder / "a", "a", "localhost:1", now=NOW - 60)
    assert marks(world) == ["ok", "ok", "ok", "wrong"]
    found = world.found(roster_findings)[KEYS]
    assert "another signing, another tls_spki, another node_public_key, another hpke" in found.found
    assert "dpm-flower roster rotate" in found.remedy
    (world.folder / "a" / CARD_NAME).unlink()
    assert marks(world) == ["ok", "ok", "ok", "skipped"]


def test_another_address_than_the_rosters_is_a_warning(world: World) -> None:
    moved = replace(world.identities["a"].card, endpoint="localhost:2")
    world.put(world.roster(world.member("a", card=moved), version=2))
    assert marks(world) == ["ok", "ok", "ok", "warning"]
    assert "dpm-flower roster move " in world.found(roster_findings)[KEYS].remedy
