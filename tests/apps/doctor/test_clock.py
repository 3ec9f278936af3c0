import shutil

from dpm_flower.apps.doctor.clock import CLOCK, LOG, clock_findings
from dpm_flower.exchange.audit_log import AuditLog
from dpm_flower.payload.verification import CLOCK_SKEW_S
from tests.apps.doctor.world import DAY, NOW, World


def logged(world: World, at: int) -> AuditLog:
    path = world.folder / "store" / "pool" / "audit-log.jsonl"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    log = AuditLog(path, "a", clock=lambda: at)
    log.append("opened")
    return log


def test_a_clock_after_all_that_the_site_holds_is_good_and_what_was_compared_is_said(world: World) -> None:
    one = world.found(clock_findings)[CLOCK]
    assert (one.mark, one.found.endswith("which is after the card and the roster; nothing else was compared here")) == ("ok", True)
    logged(world, NOW)
    assert "the card and the roster and the audit log's last entry" in world.found(clock_findings)[CLOCK].found


def test_a_clock_that_was_never_set_is_wrong(world: World) -> None:
    one = world.found(clock_findings, now=0)[CLOCK]
    assert one.mark == "wrong"
    assert "it is 1970-01-01T00:00:00Z here, yet the card was made at" in one.found
    assert "timedatectl" in one.remedy


def test_an_audit_log_from_the_future_shows_that_the_clock_went_backwards(world: World) -> None:
    logged(world, NOW + CLOCK_SKEW_S)
    assert world.found(clock_findings)[CLOCK].mark == "ok"
    logged(world, NOW + DAY)
    assert world.found(clock_findings)[CLOCK].mark == "wrong"


def test_a_damaged_audit_log_is_wrong_and_the_clock_is_compared_with_the_rest(world: World) -> None:
    logged(world, NOW)
    (world.folder / "store" / "pool" / "audit-log.jsonl").write_bytes(b"{}\n")
    found = world.found(clock_findings)
    assert (found[CLOCK].mark, found[LOG].mark) == ("ok", "wrong")
    assert "dpm-flower audit-log verify" in found[LOG].remedy


def test_a_site_without_anything_has_nothing_to_compare_with(world: World) -> None:
    (world.folder / "roster.lock").unlink()
    shutil.rmtree(world.folder / "a")
    assert world.found(clock_findings)[CLOCK].mark == "skipped"
