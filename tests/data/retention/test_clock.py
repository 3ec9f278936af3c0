import time

from dpm_flower.data.retention import clock
from dpm_flower.data.retention.clock import MachineClock


def test_the_machines_clocks_go_on_within_one_boot():
    first, second = MachineClock().now(), MachineClock().now()
    assert abs(first.wall_s - time.time()) < 3600
    assert second.uptime_s >= first.uptime_s > 0
    assert first.boot == second.boot != ""


def test_without_a_name_for_the_boot_a_process_knows_its_own_time_only(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "none")
    first, second = MachineClock().now(), MachineClock().now()
    assert second.uptime_s >= first.uptime_s
    assert first.boot == second.boot == clock._THIS_PROCESS
