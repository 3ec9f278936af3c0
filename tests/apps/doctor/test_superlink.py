import socket
from pathlib import Path

import pytest
from flwr.common import constant

from dpm_flower.apps.doctor import superlink
from dpm_flower.apps.doctor.superlink import CLOCK, ROOTS, SUPERLINK, superlink_findings
from dpm_flower.payload.development_ca import DevelopmentCa
from tests.apps.doctor.world import DAY, NOW, World


def marks(world: World, port: int, now: int = NOW) -> list[str]:
    text = world.path.read_text()
    world.change(("localhost:1", f"localhost:{port}"))
    found = world.found(superlink_findings, now)
    world.path.write_text(text)
    return [found[check].mark for check in (ROOTS, SUPERLINK, CLOCK)]


def test_the_tolerances_are_flowers_own() -> None:
    assert (constant.SYSTEM_TIME_TOLERANCE, constant.TIMESTAMP_TOLERANCE) == (superlink.AHEAD_S, superlink.BEHIND_S)


@pytest.mark.parametrize(("ahead_s", "mark"), [(0, "ok"), (250, "ok"), (500, "wrong"), (-60, "wrong"), (None, "skipped")])
def test_a_superlink_that_answers_tells_the_time(world: World, ahead_s: float | None, mark: str) -> None:
    with world.superlink(ahead_s=ahead_s) as port:
        assert marks(world, port) == ["ok", "ok", mark]


def test_a_superlink_that_does_not_run_is_a_warning_and_its_clock_is_not_compared(world: World) -> None:
    assert marks(world, 1) == ["ok", "warning", "skipped"]
    assert "peers' exchanges tell no time" in world.found(superlink_findings)[CLOCK].found


def test_one_that_says_nothing_is_waited_for_until_the_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superlink, "DEADLINE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.change(("localhost:1", f"127.0.0.1:{silent.getsockname()[1]}"))
        assert "no answer within 0.2 s" in world.found(superlink_findings)[SUPERLINK].found


def test_a_certificate_by_another_authority_is_refused(world: World) -> None:
    DevelopmentCa.create(world.folder / "other", "another", now=NOW)
    with world.superlink() as port:
        world.change(('root_certificates = "ca/ca.crt"', 'root_certificates = "other/ca.crt"'), ("localhost:1", f"localhost:{port}"))
        found = world.found(superlink_findings)[SUPERLINK]
    assert found.mark == "warning"
    assert "TLS refused: CERTIFICATE_VERIFY_FAILED" in found.found
    assert "openssl s_client" in found.remedy


def test_what_is_no_superlink_is_a_warning(world: World) -> None:
    with world.superlink(status=404) as port:
        assert marks(world, port) == ["ok", "warning", "skipped"]


@pytest.mark.parametrize("address", ["localhost", "localhost:http", ":1", "localhost:0", "localhost:70000"])
def test_what_is_no_address_is_wrong(world: World, address: str) -> None:
    world.change(("localhost:1", address))
    assert world.found(superlink_findings)[SUPERLINK].mark == "wrong"


def damage(path: Path, content: bytes | None) -> None:
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_root_certificates_that_cannot_be_read_are_wrong(world: World, content: bytes | None) -> None:
    damage(world.folder / "ca" / "ca.crt", content)
    assert marks(world, 1) == ["wrong", "skipped", "skipped"]


def test_root_certificates_that_have_ended_are_wrong(world: World) -> None:
    assert marks(world, 1, now=NOW + 2000 * DAY) == ["wrong", "skipped", "skipped"]


def test_a_certificate_that_is_no_authoritys_is_no_root(world: World) -> None:
    (world.folder / "ca" / "ca.crt").write_bytes((world.folder / "a.crt").read_bytes())
    assert marks(world, 1) == ["wrong", "skipped", "skipped"]
