"""What the curves of all coded systems say together: figures by trial and seed -> sentences."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dpm_flower.core.comparison import Figures
from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.bjontegaard import Point, bd_difference, bd_quality, bd_rate, common_range, rising

TOLERATED = 0.005  # of the accuracy on raw features
TIE = 1e-6  # of an accuracy: less than an image of any test set, more than single precision rounds away
NARROW = 0.01  # of accuracy: about the standard error of one at 2,500 test images

Curves: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]  # by system, one entry for each quality


@dataclass(frozen=True, slots=True)
class _Difference:
    """What one seed's curves come to, and over which accuracies or bytes that is a mean."""

    value: float
    low: float
    high: float


Delta: TypeAlias = Callable[[Curves], _Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingConclusions:
    """Which systems (the words before ": " in their trials' names) are compared: `plain` and `adversarial` bottlenecks, and so on.

    Pictures count by what they take in one release, as features do, where that is known: files of their own are mostly tables.
    """

    direct: str = "direct"
    plain: str = "bottleneck"
    adversarial: str = "adversarial"
    poisoned: str = "poisoned"
    pictures: tuple[str, ...] = ("JPEG", "AVIF")

    def __call__(self, figures: Figures) -> tuple[str, ...]:
        """Figures by trial and seed -> a sentence for each comparison; where curves cannot be compared, it says why."""
        seeds = sorted({seed for _, seed in figures})
        by_seed = [_curves(figures, seed) for seed in seeds]
        saved = [(self.direct, system) for system in (self.plain, self.adversarial, self.poisoned)]
        saved += [(picture, self.poisoned) for picture in self.pictures if any(picture in curves for curves in by_seed)]
        read = [(self.plain, self.adversarial), *((self.direct, system) for system in (self.adversarial, self.poisoned))]
        return (
            *(_sentence(f"bytes of {other} at the accuracy of {anchor}", by_seed, "%", _saved(anchor, other)) for anchor, other in saved),
            _sentence(
                f"attacker's PSNR on {self.adversarial} at the bytes of {self.plain}", by_seed, "dB", _gained(self.plain, self.adversarial)
            ),
            *(
                _sentence(f"attacker's PSNR on {other} at the accuracy of {anchor}", by_seed, "dB", _at_accuracy(anchor, other))
                for anchor, other in read
            ),
            *(self._beside_pictures(seed, curves) for seed, curves in zip(seeds, by_seed, strict=True)),
        )

    def _beside_pictures(self, seed: int, curves: Curves) -> str:
        said = [f"{self.poisoned} {_size(_cheapest(curves, self.poisoned, 'bytes'))}"]
        for picture in self.pictures:
            if picture in curves:
                shared = _cheapest(curves, picture, "bytes_shared")
                beside = "" if shared is None else f" ({_size(shared)} in one release)"
                said.append(f"{picture} files {_size(_cheapest(curves, picture, 'bytes'))}{beside}")
        return f"Seed {seed}: fewest bytes an image within {100 * TOLERATED:g} points of the raw accuracy: {', '.join(said)}."


def _curves(figures: Figures, seed: int) -> Curves:
    curves: dict[str, list[Mapping[str, float]]] = {}
    for (name, of_seed), found in figures.items():
        if of_seed == seed:
            curves.setdefault(name.partition(": ")[0], []).append(found)
    return curves


def _points(curves: Curves, system: str, quality: str) -> list[Point]:
    """A system's (bytes, quality)."""
    return [(_rate(found), found[quality]) for found in curves.get(system, ())]


def _rate(found: Mapping[str, float]) -> float:
    """What an image takes in one release, where that is known; otherwise its bytes, which then are no others."""
    return found.get("bytes_shared", found["bytes"])


def _saved(anchor: str, other: str) -> Delta:
    """Relative difference of rates at equal accuracy, in per cent."""

    def delta(curves: Curves) -> _Difference:
        paired = [rising(_points(curves, system, "top1")) for system in (anchor, other)]
        saved = 100 * bd_rate(*paired)
        low, high = common_range(*([(quality, rate) for rate, quality in curve] for curve in paired))
        return _Difference(saved, low, high)

    return delta


def _gained(anchor: str, other: str) -> Delta:
    """Difference of the attacker's PSNR at equal rate."""

    def delta(curves: Curves) -> _Difference:
        paired = [_points(curves, system, "psnr") for system in (anchor, other)]
        return _Difference(bd_quality(*paired), *common_range(*paired))

    return delta


def _at_accuracy(anchor: str, other: str) -> Delta:
    """Difference of the attacker's PSNR where both are as accurate; of each system the qualities that nothing cheaper beats."""

    def delta(curves: Curves) -> _Difference:
        paired = []
        for system in (anchor, other):
            kept = dict(rising(_points(curves, system, "top1")))
            paired.append([(found["top1"], found["psnr"]) for found in curves.get(system, ()) if kept.get(_rate(found)) == found["top1"]])
        return _Difference(bd_difference(*paired), *common_range(*paired))

    return delta


def _cheapest(curves: Curves, system: str, what: str) -> float | None:
    enough = [found[what] for found in curves.get(system, ()) if what in found and found["top1"] >= found["top1_raw"] - TOLERATED - TIE]
    return min(enough, default=None)


def _size(size: float | None) -> str:
    return "at no quality" if size is None else f"{size:.0f}"


def _sentence(what: str, by_seed: Sequence[Curves], unit: str, delta: Delta) -> str:
    """Mean and standard deviation over the seeds in which the curves can be compared, and over what they were in each."""
    found, reasons = [], []
    for curves in by_seed:
        try:
            found.append(delta(curves))
        except MetricError as err:
            reasons.append(str(err))
    if not found:
        return f"Difference in {what}: cannot be said, {reasons[0] if reasons else 'there is no seed'}."
    values = [one.value for one in found]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    seeds = f"{len(values)} seed{'s' if len(values) > 1 else ''}"
    missing = f"; of {len(reasons)} more it cannot be said" if reasons else ""
    return f"Difference in {what}: {statistics.mean(values):+.2f}{spread} {unit} ({seeds}{missing}; {_over(found)})."


def _over(found: Sequence[_Difference]) -> str:
    """Over which accuracies, or bytes, differences are means: shorter than an accuracy's own error, they say little."""
    if all(one.high <= 1 for one in found):
        ranges = ", ".join(f"{100 * one.low:.1f} to {100 * one.high:.1f}" for one in found)
        narrow = any(one.high - one.low < NARROW for one in found)
        return f"over a top-1 of {ranges} %" + (f", less than the {100 * NARROW:g} point that it errs by" if narrow else "")
    return f"over {', '.join(f'{one.low:.0f} to {one.high:.0f}' for one in found)} bytes"
