"""A comparison's results -> its charts, as SVG or PNG bytes: one figure against another, and figures that depend on a third."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dpm_flower.core.comparison import ComparedFigure
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.cells import said
from dpm_flower.studies.comparison_results import ComparedTrial, ComparisonResults
from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, legend_columns, literal

WIDTH_IN = 10.0
MARKERS = "osD^vPX*"
SEPARATOR = ": "  # before it, what trials on one line have in common


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one name in the order in which they are joined, each with its spread in both directions."""

    name: str
    points: tuple[tuple[Spread, Spread], ...]


def scattered(results: ComparisonResults) -> tuple[Line, ...]:
    """The trials that have both figures of the results' chart; those that share what stands before ": " are one line, by its x."""
    if results.chart is None:
        return ()
    across, up = (next(column for column in results.columns if column.key == key) for key in results.chart)
    groups: dict[str, list[tuple[Spread, Spread]]] = {}
    for trial in results.trials:
        x, y = trial.figure(across.key, across.scale), trial.figure(up.key, up.scale)
        if x is not None and y is not None:
            groups.setdefault(trial.name.partition(SEPARATOR)[0], []).append((x, y))
    return tuple(Line(name, tuple(sorted(points, key=lambda point: point[0].mean))) for name, points in groups.items())


def curved(trials: Sequence[ComparedTrial]) -> Mapping[str, tuple[Line, ...]]:
    """Trials -> by the name of a curve, a line for each that has it: the mean over seeds where all stand at the same x, else one seed's."""
    names = dict.fromkeys(name for trial in trials for cell in trial.cells for name in cell.curves)
    return {name: tuple(line for trial in trials if (line := _curve(trial, name)) is not None) for name in names}


def _curve(trial: ComparedTrial, name: str) -> Line | None:
    curves = [cell.curves[name] for cell in trial.cells if name in cell.curves]
    if not curves:
        return None
    xs = [tuple(x for x, _ in curve) for curve in curves]
    alike = curves if len(set(xs)) == 1 else curves[:1]
    points = tuple((spread([x]), spread([curve[place][1] for curve in alike])) for place, x in enumerate(xs[0]))
    return Line(trial.name, points)


def comparison_chart(lines: Sequence[Line], across: str, up: str, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Lines, at least one, and what stands on the axes -> the chart; bars reach one standard deviation over seeds."""
    labels = [literal(said(line.name)) for line in lines]
    columns = legend_columns(labels)
    chart = canvas(WIDTH_IN, 4.6 + 0.22 * math.ceil(len(labels) / columns), scheme)
    axes = chart.subplots()
    dress(axes, scheme)
    handles = [_draw(axes, line, place) for place, line in enumerate(lines)]
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(color=scheme.faint, linewidth=0.5)
    chart.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)
    return image_bytes(chart, kind)


def axis_text(column: ComparedFigure) -> str:
    """What stands on the axis of a figure: its head, and its unit."""
    return ", ".join(filter(None, [column.head, column.unit]))


def _draw(axes: Axes, line: Line, place: int) -> Line2D:
    drawn = axes.errorbar(
        [x.mean for x, _ in line.points],
        [y.mean for _, y in line.points],
        xerr=[x.deviation or 0.0 for x, _ in line.points],
        yerr=[y.deviation or 0.0 for _, y in line.points],
        color=PALETTE[place % len(PALETTE)],
        marker=MARKERS[place // len(PALETTE) % len(MARKERS)],
        linestyle="-" if len(line.points) > 1 else "none",
        markersize=5,
        linewidth=1.4,
        elinewidth=1.0,
        capsize=2.5,
    )
    mark: Line2D = drawn.lines[0]
    return mark
