"""Freed memory is kept, which page faults tell."""

import platform
import subprocess
import sys

import pytest

COUNTED = """
import resource
from dpm_flower.core.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        pieces = [b"x" * (4 << 20) for _ in range(4)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(keep_freed_memory())
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
def test_what_is_freed_is_used_again_without_asking_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True, timeout=120)
    kept, faults = done.stdout.split()
    assert kept == "True"
    assert int(faults) < 20 * 4 * 1024 / 10  # each piece has 1,024 pages
