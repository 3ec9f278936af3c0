import os
from types import SimpleNamespace

import pytest

from dpm_flower.apps.doctor import folder
from dpm_flower.apps.doctor.folder import FOLDER, ROOM, folder_findings
from tests.apps.doctor.world import World


def test_a_good_folder_is_found_good(world: World) -> None:
    found = world.found(folder_findings)
    assert [found[check].mark for check in (FOLDER, ROOM)] == ["ok", "ok"]


def test_a_folder_that_is_not_there_yet_is_not_made(world: World) -> None:
    world.change(('folder = "store"', 'folder = "new/store"'))
    assert "is made when the site starts" in world.found(folder_findings)[FOLDER].found
    assert not (world.folder / "new").exists()


@pytest.mark.parametrize("mode", [0o710, 0o704, 0o755])
def test_a_folder_that_others_can_enter_is_wrong(world: World, mode: int) -> None:
    (world.folder / "store").chmod(mode)
    found = world.found(folder_findings)[FOLDER]
    assert (found.mark, found.remedy) == ("wrong", f"chmod 700 {world.folder / 'store'}")


def test_a_folder_that_cannot_be_written_is_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the system, which has its own answer for the superuser."""
    asked = []
    monkeypatch.setattr(folder.os, "access", lambda path, how: asked.append((path, how)))
    assert world.found(folder_findings)[FOLDER].mark == "wrong"
    assert asked == [(world.folder / "store", os.W_OK | os.X_OK)]


def test_a_file_in_its_place_is_wrong(world: World) -> None:
    (world.folder / "store").rmdir()
    (world.folder / "store").write_bytes(b"")
    assert world.found(folder_findings)[FOLDER].mark == "wrong"


@pytest.mark.parametrize(("free", "mark"), [(1999, "warning"), (2000, "ok")])
def test_there_must_be_room_for_a_release_of_each_member(world: World, monkeypatch: pytest.MonkeyPatch, free: int, mark: str) -> None:
    monkeypatch.setattr(folder.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found = world.found(folder_findings)[ROOM]  # of at most 1,000 bytes, of two members
    assert found.mark == mark
    assert "2 members with a release of 0.001 MB each" in found.found


def test_without_a_roster_nobody_knows_how_many_members_there_are(world: World) -> None:
    (world.folder / "roster.toml").unlink()
    assert world.found(folder_findings)[ROOM].mark == "skipped"
