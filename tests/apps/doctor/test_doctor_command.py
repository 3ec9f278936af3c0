"""A whole site, with a peer's exchange and a SuperLink that answer: all is well, and after one thing is broken it is not."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dpm_flower.apps.doctor_command import SITE_FILE, doctor
from dpm_flower.payload.identity import PRIVATE_NAMES
from tests.apps.doctor.world import World

Output = pytest.CaptureFixture[str]


@pytest.fixture
def healthy(world: World) -> Iterator[World]:
    """Everything answers while the test runs."""
    with world.exchange("b", world.roster()) as address, world.superlink() as port:
        card = replace(world.identities["b"].card, endpoint=address.replace("127.0.0.1", "localhost"))
        world.put(world.roster(world.member("a"), world.member("b", card=card), version=2))
        world.change(("localhost:1", f"localhost:{port}"))
        yield world


def test_a_healthy_site_has_nothing_wrong_and_is_left_as_it_was(healthy: World, capsys: Output) -> None:
    before = healthy.files()
    assert doctor(healthy.path, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * (len(lines) - 1), lines
    assert lines[-1] == f"{len(lines) - 1} ok, 0 warning, 0 wrong, 0 skipped"
    checks = [line.removeprefix("ok       ").partition(": ")[0] for line in lines[:-1]]
    assert len(set(checks)) == len(checks)
    wanted = {"site file", "identity", "clock", "roster", "exchange's port", "peer b", "SuperLink", "disk space", "versions"}
    assert wanted | {"own images", "store"} <= set(checks)
    assert healthy.files() == before


def test_warnings_leave_the_code_at_0(world: World, capsys: Output) -> None:
    """Neither the peer nor the SuperLink runs: both may start later."""
    before = world.files()
    assert doctor(world.path, as_json=False) == 0
    out = capsys.readouterr().out
    assert "\nwarning  peer b: localhost:1: refused connection" in out
    assert "\nwarning  SuperLink: localhost:1: refused connection" in out
    assert world.files() == before


def test_one_thing_wrong_makes_it_1_and_json_says_the_same(healthy: World, capsys: Output) -> None:
    (healthy.folder / "a").chmod(0o755)
    before = healthy.files()
    assert doctor(healthy.path, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()[:-1]
    assert doctor(healthy.path, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["site"] == str(healthy.path)
    assert [one["mark"] for one in told["findings"] if one["check"] == "key files"] == ["wrong"]
    assert [(one["mark"], one["check"]) for one in told["findings"]] == [(line[:8].strip(), line[9:].partition(": ")[0]) for line in lines]
    assert told["wrong"] == 1
    assert sum(told[mark] for mark in ("ok", "warning", "wrong", "skipped")) == len(told["findings"])
    assert all(bool(one["remedy"]) == (one["mark"] != "ok") for one in told["findings"])
    assert healthy.files() == before


@pytest.mark.parametrize("as_json", [False, True])
def test_a_site_file_that_cannot_be_read_is_the_one_finding(world: World, capsys: Output, as_json: bool) -> None:
    world.change(('entity = "a"', 'name = "a"'))
    assert doctor(world.path, as_json=as_json) == 1
    out = capsys.readouterr().out
    if as_json:
        (found,) = json.loads(out)["findings"]
        assert (found["check"], found["mark"], "unknown keys name" in found["found"]) == (SITE_FILE, "wrong", True)
    else:
        assert len(out.splitlines()) == 2
        assert out.startswith(f"wrong    {SITE_FILE}: {world.path}: unknown keys name")
    assert doctor(world.folder / "none.toml", as_json=as_json) == 1


def test_nothing_secret_is_printed_whatever_is_wrong(world: World, capsys: Output) -> None:
    """Each key in turn stands where another is wanted, so that an error has it in hand."""
    keys = {name: (world.folder / "a" / name).read_text() for name in PRIVATE_NAMES}
    words = {line for key in keys.values() for line in key.splitlines() if len(line) > 20 and not line.startswith("-----")}
    assert len(words) >= 6
    for place, other in zip(PRIVATE_NAMES, (*PRIVATE_NAMES[1:], PRIVATE_NAMES[0]), strict=True):
        (world.folder / "a" / place).write_text(keys[other])
        assert doctor(world.path, as_json=True) == 1
        (world.folder / "a" / place).write_text(keys[place])
    for name in ("a.crt", "roster.toml", "roster.lock", "a/card.json", "site.toml"):
        path = world.folder / name
        content = path.read_bytes()
        path.write_text(keys["tls.key"])
        assert doctor(world.path, as_json=False) == 1
        path.write_bytes(content)
    out = capsys.readouterr()
    assert not [word for word in words if word in out.out + out.err or word[:24] in out.out + out.err]
