import subprocess
import sys
import time

from dpm_flower.core.stopwatch import Stopwatch

BUSY_S = 0.05
WAITING = "import time; from dpm_flower.core.stopwatch import Stopwatch; w = Stopwatch.start(); time.sleep(0.5); print(*w.costs.values())"


def test_waiting_costs_time_and_no_processor() -> None:
    """In a process of its own, where no other thread computes meanwhile."""
    said = subprocess.run([sys.executable, "-c", WAITING], check=True, capture_output=True, text=True).stdout
    seconds, cpu_seconds = map(float, said.split())
    assert seconds >= 0.5
    assert cpu_seconds < 0.4


def test_computing_costs_both() -> None:
    watch = Stopwatch.start()
    began = time.process_time()
    while time.process_time() - began < BUSY_S:
        sum(range(1000))
    costs = watch.costs
    assert costs["seconds"] > 0
    assert costs["cpu_seconds"] >= BUSY_S
