"""What a machine says about the time: its wall clock, which anybody may set, and how long it has been running, which nobody can."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_THIS_PROCESS = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Instant:
    """Seconds since 1970 UTC by the wall clock, seconds that the machine has run (asleep or not), and a name for this run of it."""

    wall_s: float
    uptime_s: float
    boot: str


class Clock(Protocol):
    """Whatever tells the time."""

    def now(self) -> Instant:
        """The time now. The wall clock is read first: the uptime then never makes it later than it is."""
        ...


@dataclass(frozen=True, slots=True)
class MachineClock:
    """This machine's clocks. Where the system names no boots (anything but Linux), a process knows of its own uptime only."""

    def now(self) -> Instant:
        """See Clock."""
        wall_s = time.time()
        try:
            return Instant(wall_s, time.clock_gettime(time.CLOCK_BOOTTIME), BOOT_ID.read_text().strip())
        except (AttributeError, OSError):
            return Instant(wall_s, time.monotonic(), _THIS_PROCESS)
