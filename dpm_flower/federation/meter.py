"""What answering one message costs: seconds, and the most memory that was resident meanwhile."""

import time
from dataclasses import dataclass
from typing import Self

from dpm_flower.federation.peak_memory import forget_peak, peak_cost


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts from when it was started; `remembers` says that the peak of memory is that of the process's whole life."""

    started_s: float
    remembers: bool

    @classmethod
    def start(cls) -> Self:
        """From here on everything counts."""
        return cls(time.perf_counter(), not forget_peak())

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds since the start, as a cost."""
        return {"seconds": time.perf_counter() - self.started_s}

    @property
    def memory(self) -> dict[str, float]:
        """The most memory resident since the start, in bytes, as a cost; empty where nobody can tell it from what came before."""
        return {} if self.remembers else peak_cost()
