"""A sweep's results -> its chart, as SVG or PNG bytes: one figure against the variants' labels, a line for each arm."""

import math
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
    """A value as it is printed, and how far it reaches down and up; None where there is no spread."""

    value: float
    down: float | None
    up: float | None


def point_of(variant: Variant, arm: str, name: str) -> Point | None:
    """A variant, an arm and the name of a figure -> what is drawn there; of a figure of releases, the shared features' one.

    Bars reach one sample standard deviation over seeds, those of gain kept over its 95 % interval. None without the figure.
    """
    figure = FIGURES[name]
    if name == "gain_kept":
        gain = next((gain for gain in variant.gains if gain.arm == arm), None)
        if gain is None or gain.value is None:
            return None
        down, up = (None if edge is None else abs(figure.scale * (edge - gain.value)) for edge in (gain.low, gain.high))
        return Point(figure.scale * gain.value, down, up)
    row = summaries(variant.rows).get(arm)
    if row is None:
        return None
    if name == "trivial":
        return None if row.trivial is None else Point(figure.scale * row.trivial, None, None)
    found = row.figure(figure.keys[-1], figure.scale)
    return None if found is None else Point(found.mean, found.deviation, found.deviation)


def sweep_chart(results: SweepResults, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """A sweep's results -> the chart of its figure; a variant or an arm without it leaves its place empty, and its line a gap."""
    drawn = [arm for arm in results.arms if any(point_of(variant, arm, results.figure) for variant in results.variants)]
    labels = [literal(said(arm)) for arm in drawn]
    legend_in = 0.2 + 0.22 * math.ceil(len(labels) / legend_columns(labels)) if labels else 0.0
    chart = canvas(WIDTH_IN, 4.4 + legend_in, scheme)
    axes = chart.subplots()
    dress(axes, scheme)
    handles = [_line(axes, results, arm, place, len(drawn)) for place, arm in enumerate(drawn)]
    axes.set_xticks(range(len(results.variants)), [literal(variant.label) for variant in results.variants])
    axes.set_xlim(-0.5, len(results.variants) - 0.5)
    figure = FIGURES[results.figure]
    on_shared = "on shared features" if figure.pair else ""
    axes.set_ylabel(", ".join(filter(None, [figure.head, on_shared, figure.unit])))
    axes.set_xlabel("variant (" + ("bars: 95 % interval)" if results.figure == "gain_kept" else "bars: ± 1 standard deviation over seeds)"))
    axes.grid(axis="y", color=scheme.faint, linewidth=0.8)
    if labels:
        columns = legend_columns(labels)
        chart.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)
    return image_bytes(chart, kind)


def _line(axes: Axes, results: SweepResults, arm: str, place: int, arms: int) -> Line2D:
    """Draws one arm -> its line; missing points are NaN, at which matplotlib breaks the line."""
    points = [point_of(variant, arm, results.figure) for variant in results.variants]
    offset = DODGE * ((place + 0.5) / arms - 0.5)
    drawn = axes.errorbar(
        [number + offset for number in range(len(points))],
        [math.nan if point is None else point.value for point in points],
        yerr=[[(point and point.down) or 0.0 for point in points], [(point and point.up) or 0.0 for point in points]],
        color=PALETTE[place % len(PALETTE)],
        marker=MARKERS[place % len(MARKERS)],
        linestyle=LINES[place // len(PALETTE) % len(LINES)],
        markersize=5,
        linewidth=1.4,
        elinewidth=1.0,
        capsize=2.5,
    )
    return drawn.lines[0]
