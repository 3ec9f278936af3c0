"""A sweep's results -> its chart, as SVG or PNG bytes: one figure against the variants' labels, a line for each arm."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dpm_flower.core.figures import FIGURES
from dpm_flower.studies.cells import said
from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, legend_columns, literal
from dpm_flower.studies.rows import summaries
from dpm_flower.studies.sweep_results import SweepResults, Variant

WIDTH_IN = 10.0
DODGE = 0.36  # of the distance between two labels, over which the arms stand apart: spreads would hide each other
MARKERS = "osD^vPX*"
LINES = ("-", "--", ":", "-.")  # the palette's second, third and fourth round


@dataclass(frozen=True, slots=True)
class Point:
    """A value as it is printed, and the ends of its bar; None where there is no spread, infinite where an interval has no bound.

    A bootstrap interval need not hold its value.
    """

    value: float
    low: float | None = None
    high: float | None = None


def point_of(variant: Variant, arm: str, name: str) -> Point | None:
    """A variant, an arm and the name of a figure -> what is drawn there; of a figure of releases, the shared features' one.

    Bars reach one sample standard deviation over seeds, those of gain kept over its 95 % interval. None without the figure.
    """
    figure = FIGURES[name]
    if name == "gain_kept":
        gain = next((gain for gain in variant.gains if gain.arm == arm), None)
        if gain is None or gain.value is None:
            return None
        low = -math.inf if gain.low is None else figure.scale * gain.low
        return Point(figure.scale * gain.value, low, math.inf if gain.high is None else figure.scale * gain.high)
    row = summaries(variant.rows).get(arm)
    if row is None:
        return None
    if name == "trivial":
        return None if row.trivial is None else Point(figure.scale * row.trivial)
    found = row.figure(figure.keys[-1], figure.scale)
    if found is None or found.deviation is None:
        return None if found is None else Point(found.mean)
    return Point(found.mean, found.mean - found.deviation, found.mean + found.deviation)


def sweep_chart(results: SweepResults, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """A sweep's results -> the chart of its figure; a variant or an arm without it leaves its place empty, and its line a gap."""
    drawn = [arm for arm in results.arms if any(point_of(variant, arm, results.figure) for variant in results.variants)]
    labels = [literal(said(arm)) for arm in drawn]
    legend_in = 0.2 + 0.22 * math.ceil(len(labels) / legend_columns(labels)) if labels else 0.0
    chart = canvas(WIDTH_IN, 4.4 + legend_in, scheme)
    axes = chart.subplots()
    dress(axes, scheme)
    handles = [_line(axes, results, arm, place, len(drawn)) for place, arm in enumerate(drawn)]
    bottom, top = axes.get_ylim()  # of all that is finite; what has no bound ends there, in an arrow
    for place, arm in enumerate(drawn):
        _unbounded(axes, results, arm, place, len(drawn), bottom, top)
    axes.set_ylim(bottom, top)
    axes.set_xticks(range(len(results.variants)), [literal(variant.label) for variant in results.variants])
    axes.set_xlim(-0.5, len(results.variants) - 0.5)
    figure = FIGURES[results.figure]
    on_shared = "on shared features" if figure.pair else ""
    axes.set_ylabel(", ".join(filter(None, [figure.head, on_shared, figure.unit])))
    bars = "95 % interval, an arrow where it has no bound" if results.figure == "gain_kept" else "± 1 standard deviation over seeds"
    axes.set_xlabel(f"variant (bars: {bars})")
    axes.grid(axis="y", color=scheme.faint, linewidth=0.8)
    if labels:
        columns = legend_columns(labels)
        chart.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)
    return image_bytes(chart, kind)


def _line(axes: Axes, results: SweepResults, arm: str, place: int, arms: int) -> Line2D:
    """Draws one arm and the bars of its points -> its line; missing points are NaN, at which matplotlib breaks the line."""
    points = dict(_places(results, arm, place, arms))
    colour = PALETTE[place % len(PALETTE)]
    lines = axes.plot(
        list(points),
        [math.nan if point is None else point.value for point in points.values()],
        color=colour,
        marker=MARKERS[place % len(MARKERS)],
        linestyle=LINES[place // len(PALETTE) % len(LINES)],
        markersize=5,
        linewidth=1.4,
    )
    for where, point in points.items():
        ends = [end for end in (point.low, point.high) if end is not None and math.isfinite(end)] if point else []
        axes.plot([where] * len(ends), ends, color=colour, marker="_", markersize=5, linewidth=1.0)
    return lines[0]


def _unbounded(axes: Axes, results: SweepResults, arm: str, place: int, arms: int, bottom: float, top: float) -> None:
    """Draws what is left of one arm's bars, between the lowest and the highest that the axes show."""
    for where, point in _places(results, arm, place, arms):
        low, high = (point.low, point.high) if point else (None, None)
        if low is None or high is None or (math.isfinite(low) and math.isfinite(high)):
            continue
        marks = [mark for mark, end in (("v", low), ("^", high)) if not math.isfinite(end)]
        colour, ends = PALETTE[place % len(PALETTE)], (max(low, bottom), min(high, top))
        axes.vlines(where, *ends, color=colour, linewidth=1.0)
        for mark in marks:
            axes.plot([where], [bottom if mark == "v" else top], color=colour, marker=mark, markersize=6, clip_on=False)


def _places(results: SweepResults, arm: str, place: int, arms: int) -> Iterator[tuple[float, Point | None]]:
    """Where each variant's point stands from left to right, arms beside each other, and the point."""
    offset = DODGE * ((place + 0.5) / arms - 0.5)
    for number, variant in enumerate(results.variants):
        yield number + offset, point_of(variant, arm, results.figure)
