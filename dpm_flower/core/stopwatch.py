"""What computing takes: seconds on the clock, and seconds of processors, which other work on the machine does not lengthen."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Counts from when it was started, for this process with all its threads; what a GPU does is in the clock's seconds only."""

    clock_s: float
    processors_s: float

    @classmethod
    def start(cls) -> Self:
        """From here on everything counts."""
        return cls(time.perf_counter(), time.process_time())

    @property
    def costs(self) -> dict[str, float]:
        """The seconds since the start by the clock and of processors, as costs."""
        return {"seconds": time.perf_counter() - self.clock_s, "cpu_seconds": time.process_time() - self.processors_s}
