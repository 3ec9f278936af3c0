"""What the curves of all coded systems say together: figures by trial and seed -> sentences."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dpm_flower.core.comparison import Figures
from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.bjontegaard import Point, bd_difference, bd_quality, bd_rate, rising

TOLERATED = 0.005  # of the accuracy on raw features

Curves: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]  # by system, one entry for each quality
Delta: TypeAlias = Callable[[Curves], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingConclusions:
    """Which systems (the words before ": " in their trials' names) are compared: `plain` and `adversarial` bottlenecks, and so on."""

    direct: str = "direct"
    plain: str = "bottleneck"
    adversarial: str = "adversarial"
    poisoned: str = "poisoned"
    picture: str = "JPEG"

    def __call__(self, figures: Figures) -> tuple[str, ...]:
        """Figures by trial and seed -> a sentence for each comparison; where curves cannot be compared, it says why."""
        seeds = sorted({seed for _, seed in figures})
        by_seed = [_curves(figures, seed) for seed in seeds]
        plain, adversarial, direct = self.plain, self.adversarial, self.direct
        rate, leakage = ("bytes", "top1"), ("bytes", "psnr")
        return (
            _sentence(f"bytes of {plain} at the accuracy of {direct}", by_seed, "%", _saved(direct, plain, rate)),
            _sentence(f"bytes of {adversarial} at the accuracy of {direct}", by_seed, "%", _saved(direct, adversarial, rate)),
            _sentence(f"bytes of {self.poisoned} at the accuracy of {direct}", by_seed, "%", _saved(direct, self.poisoned, rate)),
            _sentence(f"attacker's PSNR on {adversarial} at the bytes of {plain}", by_seed, "dB", _gained(plain, adversarial, leakage)),
            _sentence(f"attacker's PSNR on {adversarial} at the accuracy of {plain}", by_seed, "dB", _at_accuracy(plain, adversarial)),
            _sentence(f"attacker's PSNR on {adversarial} at the accuracy of {direct}", by_seed, "dB", _at_accuracy(direct, adversarial)),
            *(self._beside_pictures(seed, curves) for seed, curves in zip(seeds, by_seed, strict=True)),
        )

    def _beside_pictures(self, seed: int, curves: Curves) -> str:
        systems = (self.poisoned, self.picture)
        said = ", ".join(f"{system} {_size(_cheapest(curves, system))}" for system in systems)
        return f"Seed {seed}: fewest bytes an image within {100 * TOLERATED:g} points of the raw accuracy: {said}."


def _curves(figures: Figures, seed: int) -> Curves:
    curves: dict[str, list[Mapping[str, float]]] = {}
    for (name, of_seed), found in figures.items():
        if of_seed == seed:
            curves.setdefault(name.partition(": ")[0], []).append(found)
    return curves


def _points(curves: Curves, system: str, axes: tuple[str, str]) -> list[Point]:
    return [(found[axes[0]], found[axes[1]]) for found in curves.get(system, ())]


def _saved(anchor: str, other: str, axes: tuple[str, str]) -> Delta:
    """Relative difference of rates at equal quality, in per cent."""
    return lambda curves: 100 * bd_rate(rising(_points(curves, anchor, axes)), rising(_points(curves, other, axes)))


def _gained(anchor: str, other: str, axes: tuple[str, str]) -> Delta:
    return lambda curves: bd_quality(_points(curves, anchor, axes), _points(curves, other, axes))


def _at_accuracy(anchor: str, other: str) -> Delta:
    """Difference of the attacker's PSNR where both are as accurate; of each system the qualities that nothing cheaper beats."""

    def delta(curves: Curves) -> float:
        paired = []
        for system in (anchor, other):
            kept = dict(rising(_points(curves, system, ("bytes", "top1"))))
            paired.append([(found["top1"], found["psnr"]) for found in curves.get(system, ()) if found["bytes"] in kept])
        return bd_difference(*paired)

    return delta


def _cheapest(curves: Curves, system: str) -> float | None:
    enough = [found["bytes"] for found in curves.get(system, ()) if found["top1"] >= found["top1_raw"] - TOLERATED]
    return min(enough, default=None)


def _size(size: float | None) -> str:
    return "at no quality" if size is None else f"{size:.0f}"


def _sentence(what: str, by_seed: Sequence[Curves], unit: str, delta: Delta) -> str:
    """Mean and standard deviation over the seeds in which the curves can be compared."""
    values, reasons = [], []
    for curves in by_seed:
        try:
            values.append(delta(curves))
        except MetricError as err:
            reasons.append(str(err))
    if not values:
        return f"Difference in {what}: cannot be said, {reasons[0] if reasons else 'there is no seed'}."
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    missing = f"; of {len(reasons)} more seeds it cannot be said" if reasons else ""
    return f"Difference in {what}: {statistics.mean(values):+.2f}{spread} {unit} ({len(values)} seeds{missing})."
