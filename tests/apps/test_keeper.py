"""The keeper's look at the process tree."""

import os
import subprocess
import sys
import time
from pathlib import Path

from dpm_flower.apps.keeper import descendants

# a shell-like parent with a nasty name, whose child waits with it
PARENT = """
import subprocess, sys, time
with open("/proc/self/comm", "w") as name:
    name.write(") S 1 (x")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
"""


def test_descendants_are_found_through_every_generation_parents_first() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        found = descendants(os.getpid())
        assert found.index(parent.pid) < found.index(child)
        assert descendants(parent.pid) == [child]
        assert descendants(child) == []
        assert os.getpid() not in found


def test_the_dead_are_not_counted() -> None:
    process = subprocess.Popen(["true"])
    give_up = time.monotonic() + 10
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < give_up
        time.sleep(0.01)
    assert process.pid not in descendants(os.getpid())
    process.wait()
