import time

from dpm_flower.core.stopwatch import Stopwatch

BUSY_S = 0.05


def test_waiting_costs_time_and_no_processor() -> None:
    watch = Stopwatch.start()
    time.sleep(0.5)
    costs = watch.costs
    assert costs["seconds"] >= 0.5
    assert costs["cpu_seconds"] < 0.4


def test_computing_costs_both() -> None:
    watch = Stopwatch.start()
    began = time.process_time()
    while time.process_time() - began < BUSY_S:
        sum(range(1000))
    costs = watch.costs
    assert costs["seconds"] > 0
    assert BUSY_S <= costs["cpu_seconds"] < 10
