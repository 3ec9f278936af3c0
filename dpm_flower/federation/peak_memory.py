"""The most memory that was resident while one message was answered, as Linux counts it."""

from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PEAK = "VmHWM:"  # "high water mark" of the resident set, in kB
FORGET_PEAK = "5"  # man proc_pid_clear_refs

MEMORY = "memory_bytes"  # the cost's name


def forget_peak() -> bool:
    """From here on the peak counts anew -> True; False where it goes on counting the process's whole life."""
    try:
        RESET.write_text(FORGET_PEAK)
    except OSError:  # not Linux, or a container that forbids it
        return False
    return True


def peak_cost() -> dict[str, float]:
    """The most memory resident in this process since the peak was forgotten, in bytes, as a cost; empty where nobody counts it."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return {}
    kilobytes = [int(line.removeprefix(PEAK).split()[0]) for line in lines if line.startswith(PEAK)]
    return {MEMORY: 1024.0 * kilobytes[0]} if kilobytes else {}
