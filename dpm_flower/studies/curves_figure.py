"""Curves -> one chart of two panels, as SVG or PNG bytes: top-1 against megabytes fetched, and against seconds of computing."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dpm_flower.core.figures import FIGURES
from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.cells import said
from dpm_flower.studies.curves import Curve, Point
from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, legend_columns, literal

WIDTH_IN = 10.0
LINES = ("-", "--", ":", "-.")  # the palette's first, second, third and fourth round
ROUND, WHOLE = "o", "Ds^P"  # marks of a round; of an arm in which each entity trains alone, by the palette's round


@dataclass(frozen=True, slots=True)
class Panel:
    """What the arms are drawn against: a cost, how it is named, and what makes its unit of bytes or seconds."""

    cost: Callable[[Point], Spread | None]
    label: str
    scale: float


PANELS = (
    Panel(lambda point: point.bytes_fetched, "megabytes fetched by a receiver, mean", FIGURES["fetched"].scale),
    Panel(lambda point: point.seconds, "seconds of a receiver's computing, mean", FIGURES["seconds"].scale),
)


def cost_curves(curves: Sequence[Curve], *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Curves -> a line with a mark for each round of an arm that averages, one mark for any other, ± one standard deviation over seeds.

    Costs grow tenfold from tick to tick; what cost nothing stands at the left edge.
    """
    labels = [literal(said(curve.arm)) for curve in curves]
    columns = legend_columns(labels) if labels else 1
    figure = canvas(WIDTH_IN, 4.6 + 0.22 * math.ceil(len(labels) / columns), scheme)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, panel in zip((left, right), PANELS, strict=True):
        dress(axes, scheme)
        handles = [_line(axes, panel, curve, place) for place, curve in enumerate(curves)]
        _scale(axes, [cost for curve in curves for cost, _ in _known(panel, curve)])
        axes.set_xlabel(panel.label)
        axes.grid(color=scheme.faint, linewidth=0.8)
    left.set_ylabel("top-1 on test images, %")
    if labels:
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)
    return image_bytes(figure, kind)


def _known(panel: Panel, curve: Curve) -> list[tuple[float, Point]]:
    """The points of an arm whose cost is known, each behind its cost as it is printed."""
    return [(cost.mean * panel.scale, point) for point in curve.points if (cost := panel.cost(point)) is not None]


def _line(axes: Axes, panel: Panel, curve: Curve, place: int) -> Line2D:
    """Draws one arm; lines come in the order of the rounds, which is that of the costs."""
    again = place // len(PALETTE)
    known = _known(panel, curve)
    drawn = axes.errorbar(
        [cost for cost, _ in known],
        [100 * point.top1.mean for _, point in known],
        yerr=[100 * (point.top1.deviation or 0.0) for _, point in known],
        color=PALETTE[place % len(PALETTE)],
        marker=ROUND if curve.averaged else WHOLE[again % len(WHOLE)],
        linestyle=LINES[again % len(LINES)] if curve.averaged else "none",
        markersize=5,
        linewidth=1.4,
        elinewidth=1.0,
        capsize=2.5,
        clip_on=False,
    )
    line: Line2D = drawn.lines[0]
    return line


def _scale(axes: Axes, costs: Sequence[float]) -> None:
    """Logarithmic above the smallest cost, so that a decider's kilobytes and a release's megabytes can both be told apart."""
    positive = [cost for cost in costs if cost > 0]
    if positive:
        smallest = 10.0 ** math.floor(math.log10(min(positive)))
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.4)
        axes.set_xlim(0, 1.3 * max(positive))
