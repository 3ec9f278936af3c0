"""What answering one message costs: seconds, and the most memory that was resident meanwhile."""

from dataclasses import dataclass
from typing import Self

from dpm_flower.core.stopwatch import Stopwatch
from dpm_flower.federation.peak_memory import forget_peak, peak_cost


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts from when it was started; `remembers` says that the peak of memory is that of the process's whole life."""

    watch: Stopwatch
    remembers: bool

    @classmethod
    def start(cls) -> Self:
        """From here on everything counts."""
        return cls(Stopwatch.start(), not forget_peak())

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds since the start, by the clock and of processors, as costs."""
        return self.watch.costs

    @property
    def memory(self) -> dict[str, float]:
        """The most memory resident since the start, in bytes, as a cost; empty where nobody can tell it from what came before."""
        return {} if self.remembers else peak_cost()
