import shutil
from pathlib import Path

import pytest

from dpm_flower.apps.doctor.identity import FILES, KEYS, PASSPHRASE, identity_findings
from dpm_flower.payload.identity import ML_DSA_NAME, NODE_NAME, PRIVATE_NAMES, TLS_NAME
from dpm_flower.payload.passphrase_lock import LEAST_COST, PassphraseLock
from tests.apps.doctor.world import World

SECRET = "correct horse battery"


def marks(world: World) -> tuple[str, ...]:
    found = world.found(identity_findings)
    return tuple(found[check].mark for check in (FILES, PASSPHRASE, KEYS))


def lock(world: World) -> None:
    """Puts the keys of a under a passphrase; cheaply, since nobody guesses at it."""
    passphrase = PassphraseLock(SECRET.encode(), LEAST_COST)
    for name in PRIVATE_NAMES:
        path = world.folder / "a" / name
        path.write_bytes(passphrase.seal(path.read_bytes(), name))


def state(world: World) -> None:
    world.change(('folder = "a"', 'folder = "a"\npassphrase_credential = "keys"'))


@pytest.fixture
def credentials(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_good_keys_are_found_good(world: World) -> None:
    assert marks(world) == ("ok", "ok", "ok")


@pytest.mark.parametrize(("name", "mode"), [("", 0o750), (TLS_NAME, 0o640), (NODE_NAME, 0o604), (ML_DSA_NAME, 0o666)])
def test_what_others_can_get_at_is_named_with_the_command_that_closes_it(world: World, name: str, mode: int) -> None:
    (world.folder / "a" / name).chmod(mode)
    found = world.found(identity_findings)
    assert (found[FILES].mark, found[KEYS].mark) == ("wrong", "skipped")
    assert f"{mode:04o}" in found[FILES].found
    assert f"chmod 700 {world.folder / 'a'}" in found[FILES].remedy


def test_all_open_files_are_named_at_once(world: World) -> None:
    for name in ("", TLS_NAME, NODE_NAME):
        (world.folder / "a" / name).chmod(0o755)
    assert world.found(identity_findings)[FILES].found.count("too open") == 3


def test_a_folder_that_is_not_there_is_wrong(world: World) -> None:
    shutil.rmtree(world.folder / "a")
    found = world.found(identity_findings)
    assert (found[FILES].mark, found[KEYS].mark) == ("wrong", "skipped")
    assert "dpm-flower identity create a " in found[FILES].remedy


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_a_missing_key_is_wrong(world: World, name: str) -> None:
    (world.folder / "a" / name).unlink()
    found = world.found(identity_findings)
    assert found[KEYS].mark == "wrong"
    assert name in found[KEYS].found


def test_a_key_of_another_card_is_wrong(world: World) -> None:
    shutil.copy(world.folder / "b" / TLS_NAME, world.folder / "a" / TLS_NAME)
    assert "is not the key on card.json" in world.found(identity_findings)[KEYS].found


def test_the_keys_of_another_entity_are_wrong(world: World) -> None:
    world.change(('folder = "a"', 'folder = "b"'))
    found = world.found(identity_findings)[KEYS]
    assert (found.mark, found.found) == ("wrong", "wanted the keys of a, got those of b")


def test_a_stated_passphrase_that_is_nowhere_is_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(world)
    state(world)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert marks(world) == ("ok", "wrong", "skipped")


def test_a_stated_passphrase_that_is_there_opens_the_keys_and_is_not_shown(world: World, credentials: Path) -> None:
    lock(world)
    state(world)
    (credentials / "keys").write_text(SECRET)
    assert marks(world) == ("ok", "ok", "ok")
    (credentials / "keys").write_text(f"not {SECRET}")
    assert marks(world) == ("ok", "ok", "wrong")
    assert not any(SECRET in one.line() for one in identity_findings(world.site, 0))


def test_a_passphrase_too_few_or_too_many_is_wrong(world: World, credentials: Path) -> None:
    (credentials / "keys").write_text(SECRET)
    lock(world)
    assert marks(world) == ("ok", "ok", "wrong")  # locked, and the site file states none


def test_a_passphrase_for_keys_without_one_is_wrong(world: World, credentials: Path) -> None:
    (credentials / "keys").write_text(SECRET)
    state(world)
    assert marks(world) == ("ok", "ok", "wrong")
