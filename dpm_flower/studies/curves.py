"""Results -> accuracy against what it cost: one line per arm, with a point for each round of an arm that averages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.cells import Cell
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import summaries

ROUNDLESS = 0  # the number of a point that stands for a whole arm


@dataclass(frozen=True, slots=True)
class Point:
    """Mean and sample standard deviation over seeds of top-1 (shares in [0, 1]) and of costs so far (means over receivers).

    What was fetched compares arms whatever way a release takes; it is None where nobody knows it (see studies/traffic.py).
    """

    round: int
    top1: Spread
    bytes_fetched: Spread | None
    seconds: Spread


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm: its rounds in order, or the one point where each entity trains alone."""

    arm: str
    points: tuple[Point, ...]

    @property
    def averaged(self) -> bool:
        """Whether its points are rounds."""
        return any(point.round != ROUNDLESS for point in self.points)


def curves_of(results: Results) -> tuple[Curve, ...]:
    """Results -> a curve for each arm with figures, in the study's order.

    A round's top-1 is that of whoever evaluated it, on the test images; a seed in which nobody did is left out of that point.
    """
    curves = (Curve(arm, _points(results, arm)) for arm in results.arms)
    return tuple(curve for curve in curves if curve.points)


def _points(results: Results, arm: str) -> tuple[Point, ...]:
    by_seed = [[cell for cell in results.cells if (cell.seed, cell.arm) == (seed, arm) and cell.rounds] for seed in results.seeds]
    numbers = sorted({each.number for cells in by_seed for cell in cells for each in cell.rounds})
    if not numbers:
        return _whole(results, arm)
    points = (_point(number, [found for cells in by_seed if (found := _seed(cells, number)) is not None]) for number in numbers)
    return tuple(point for point in points if point is not None)


def _seed(cells: Sequence[Cell], number: int) -> Mapping[str, float] | None:
    """The cells of one seed -> the figures of that round; None where nobody evaluated it."""
    there = [each for cell in cells for each in cell.rounds if each.number == number]
    top1 = [each.quality["top1"] for each in there if "top1" in each.quality]
    if not top1:
        return None
    fetched = [each.costs["bytes_fetched"] for each in there if "bytes_fetched" in each.costs]
    known = {"bytes_fetched": fmean(fetched)} if fetched else {}
    return {"top1": fmean(top1), "seconds": fmean(each.costs.get("seconds", 0.0) for each in there), **known}


def _point(number: int, seeds: Sequence[Mapping[str, float]]) -> Point | None:
    if not seeds:
        return None
    top1, seconds = (spread([each[name] for each in seeds]) for name in ("top1", "seconds"))
    fetched = [each["bytes_fetched"] for each in seeds if "bytes_fetched" in each]
    return Point(number, top1, spread(fetched) if fetched else None, seconds)


def _whole(results: Results, arm: str) -> tuple[Point, ...]:
    row = summaries(results.rows).get(arm)
    top1 = row.figure("top1") if row else None
    if row is None or top1 is None:
        return ()
    nothing = Spread(0.0, None, top1.count)  # an arm that lacks a cost spent nothing of it
    fetched, seconds = (row.figure(COST_PREFIX + name) or nothing for name in ("bytes_fetched", "seconds"))
    return (Point(ROUNDLESS, top1, fetched, seconds),)
