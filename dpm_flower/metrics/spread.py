"""A score over several seeds: its mean, and how far it scatters."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from dpm_flower.core.errors import MetricError


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, sample standard deviation (n - 1; None for one seed, which has none) and number of seeds; in the score's own unit."""

    mean: float
    deviation: float | None
    count: int


def spread(values: Sequence[float]) -> Spread:
    """One score per seed (n) -> its spread. Raises MetricError for no values and for values that are not finite."""
    if not values or not all(math.isfinite(value) for value in values):
        raise MetricError(f"wanted at least one finite value, got {list(values)}")
    return Spread(
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        count=len(values),
    )
