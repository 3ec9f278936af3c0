"""Bjontegaard deltas: two curves of points (rate, quality) -> how much one saves, or gains, on average over the other.

Source: Bjontegaard, "Calculation of average PSNR differences between RD-curves" (VCEG-M33, 2001), with the piecewise cubic Hermite
interpolation of JVET's common test conditions (JVET-Q2016) in the place of one cubic, which overshoots between distant points.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from scipy.interpolate import PchipInterpolator

from dpm_flower.core.errors import MetricError

Point: TypeAlias = tuple[float, float]  # rate, more than 0, in any unit, and quality, in any other

LEAST_POINTS = 2


def bd_rate(anchor: Iterable[Point], other: Iterable[Point]) -> float:
    """An anchor's curve and another -> the mean relative difference of their rates at equal quality; -0.3 = the other takes 30 % less.

    The mean is over the qualities that both curves reach, of the logarithm of the rate. Raises MetricError for fewer than two points, rates
    that are not positive, values that are not finite, qualities that do not rise with the rate (see `rising`), and curves that no
    quality has in common.
    """
    curves = [[(quality, math.log(rate)) for rate, quality in _checked(curve)] for curve in (anchor, other)]
    return math.expm1(_mean_difference(curves[0], curves[1], "quality"))


def bd_quality(anchor: Iterable[Point], other: Iterable[Point]) -> float:
    """An anchor's curve and another -> the mean difference of their qualities at equal rate, in their unit; > 0 = the other's is higher.

    With PSNR it is BD-PSNR, in dB. The mean is over the logarithms of the rates that both curves have. Raises MetricError as `bd_rate`
    does, but the qualities need not rise: they may be those of a guess, which nobody wants high.
    """
    curves = [[(math.log(rate), quality) for rate, quality in _checked(curve)] for curve in (anchor, other)]
    return _mean_difference(curves[0], curves[1], "rate")


def bd_difference(anchor: Iterable[Point], other: Iterable[Point]) -> float:
    """Curves y(x) of an anchor and another -> the mean difference of their y at equal x, over the x that both have; x is taken as it is.

    Raises MetricError as `bd_quality` does; x need not be positive.
    """
    return _mean_difference(_sorted(anchor), _sorted(other), "x")


def common_range(anchor: Iterable[Point], other: Iterable[Point]) -> tuple[float, float]:
    """Curves y(x) of an anchor and another -> the least and the greatest x that both have, over which `bd_difference` is a mean.

    Where that is short, so is what the mean rests on: its error is that of the few points beside it. Raises MetricError as that does.
    """
    return _common(_sorted(anchor), _sorted(other), "x")


def rising(curve: Iterable[Point]) -> list[Point]:
    """Points (rate, quality) -> those of them whose quality no point of the same or a lower rate reaches, by rate.

    A measured quality that is near its limit no longer rises with every bit; who has the choice takes the cheaper point.
    """
    kept: list[Point] = []
    for rate, quality in sorted(curve, key=lambda point: (point[0], -point[1])):
        if not kept or quality > kept[-1][1]:
            kept.append((rate, quality))
    return kept


def _checked(curve: Iterable[Point]) -> list[Point]:
    points = _sorted(curve)
    if not points[0][0] > 0:
        raise MetricError(f"wanted rates > 0, got {points[0][0]}")
    return points


def _sorted(curve: Iterable[Point]) -> list[Point]:
    points = sorted(curve)
    if len(points) < LEAST_POINTS:
        raise MetricError(f"a curve needs at least {LEAST_POINTS} points, got {len(points)}")
    if not all(math.isfinite(value) for point in points for value in point):
        raise MetricError("wanted points of finite values, got others")
    return points


def _mean_difference(anchor: Sequence[Point], other: Sequence[Point], what: str) -> float:
    """Two curves y(x) -> the mean of other - anchor over the x that both have."""
    low, high = _common(anchor, other, what)
    areas = [float(PchipInterpolator(*np.array(curve, np.float64).T).integrate(low, high)) for curve in (anchor, other)]
    return (areas[1] - areas[0]) / (high - low)


def _common(anchor: Sequence[Point], other: Sequence[Point], what: str) -> tuple[float, float]:
    """Two curves y(x), by x -> from where to where both have it."""
    for curve in (anchor, other):
        if any(later[0] <= sooner[0] for sooner, later in itertools.pairwise(curve)):
            raise MetricError(f"wanted a curve on which {what} rises from point to point, got {[x for x, _ in curve]}")
    low, high = max(anchor[0][0], other[0][0]), min(anchor[-1][0], other[-1][0])
    if not low < high:
        raise MetricError(f"the curves have no {what} in common: one ends at {high:g}, the other begins at {low:g}")
    return low, high
