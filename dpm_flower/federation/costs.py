"""Adding up what an entity spent in several steps: amounts add up, of peaks the highest counts."""

from collections.abc import Iterable, Mapping

from dpm_flower.federation.peak_memory import MEMORY

PEAKS = frozenset({MEMORY})


def total(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Costs of several steps, by name -> those of all steps together; a step that lacks one spent nothing of it."""
    sums: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            before = sums.get(name, 0.0)
            sums[name] = max(before, value) if name in PEAKS else before + value
    return sums
