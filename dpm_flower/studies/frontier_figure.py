"""What a release is worth against what it tells -> one picture: gain kept up, headline disclosure to the right, a point for each arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.axes import Axes

from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, literal
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.rows import Row, summaries

WIDTH_IN, HEIGHT_IN = 10.0, 5.6
LEAST_FRONTIER = 3  # arms: two points are no frontier
MARKERS = "osD^vPX*"
Ends: TypeAlias = tuple[float | None, float | None]  # of an interval; None: it has no bound on that side, or none that all seeds know


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One arm: gain kept and headline disclosure, each with the ends of its interval. Up and to the left is better."""

    arm: str
    gain: float
    gain_ends: Ends
    headline: float
    headline_ends: Ends


def frontier_of(rows: Sequence[Row], gains: Sequence[ArmGain]) -> tuple[FrontierPoint, ...]:
    """Rows and gains -> the arms of which both are known, in the study's order, but for networks, whose gain has another scale.

    The gain's interval is its bootstrap one; the headline's is the mean over seeds of the ends of its own, open where a seed has none.
    """
    known, found = {gain.arm: gain for gain in gains}, []
    for arm, row in summaries(rows).items():
        gain, headline = known.get(arm), row.figure("headline_p")
        if gain is None or gain.value is None or gain.of_networks or headline is None:
            continue
        low, high = (_end([one for one in rows if one.arm == arm], end) for end in ("low", "high"))
        found.append(FrontierPoint(arm, gain.value, (gain.low, gain.high), headline.mean, (low, high)))
    return tuple(found)


def _end(rows: Sequence[Row], end: str) -> float | None:
    """All rows of an arm -> an end of the headline's interval in the last, the arm's own; None unless known wherever a headline is."""
    for row in rows:
        headline, known = row.figure("headline_p"), row.figure(f"headline_p_{end}")
        if headline is not None and (known is None or known.count != headline.count):
            return None  # a mean over other seeds, or other entities, may lie on either side of the headline's
    return None if known is None else known.mean


def frontier_chart(points: Sequence[FrontierPoint], *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Points, at least one -> the chart; a colour and a mark for each arm. An end that is open is an arrow at the edge."""
    chart = canvas(WIDTH_IN, HEIGHT_IN, scheme)
    axes = chart.subplots()
    dress(axes, scheme)
    for value in (0.0, 1.0):
        axes.axhline(value, color=scheme.faint, linewidth=0.9, zorder=1)
    for place, point in enumerate(points):
        axes.plot(point.headline, point.gain, mark(place), color=_colour(place), markersize=7, zorder=3, label=literal(point.arm))
        axes.update_datalim([(end, point.gain) for end in point.headline_ends if end is not None])
        axes.update_datalim([(point.headline, end) for end in point.gain_ends if end is not None])
    axes.autoscale_view()
    edges = axes.get_xlim(), axes.get_ylim()  # of all that is known; what has no bound ends there, in an arrow
    for place, point in enumerate(points):
        _intervals(axes, point, _colour(place), *edges)
    axes.set(xlim=edges[0], ylim=edges[1])
    axes.set_xlabel(
        "headline: disclosed fraction of the worst attacker, by any score (mean; 0 = the label alone, 1 = raw features)\n"
        "lines: 95 % intervals, an arrow where one has no bound"
    )
    axes.set_ylabel("gain kept (0 = own data, 1 = raw features)")
    axes.grid(color=scheme.faint, linewidth=0.5)
    columns = 3 if len(points) > 4 else max(1, len(points))  # two lines of three names fit above the chart
    chart.legend(loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=9)
    return image_bytes(chart, kind)


def mark(place: int) -> str:
    """A point's place -> its mark, another one each time that the colours begin anew."""
    return MARKERS[(place + place // len(PALETTE)) % len(MARKERS)]


def _colour(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


def _intervals(axes: Axes, point: FrontierPoint, colour: str, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Draws both intervals of a point, between the edges of the axes from left to right and from bottom to top."""
    for ends, edges, arrows, is_across in ((point.headline_ends, across, "<>", True), (point.gain_ends, up, "v^", False)):
        reached = [edge if end is None else end for end, edge in zip(ends, edges, strict=True)]
        other = [point.gain if is_across else point.headline] * 2
        axes.plot(*((reached, other) if is_across else (other, reached)), color=colour, linewidth=1.4, zorder=2)
        for end, edge, arrow in zip(ends, edges, arrows, strict=True):
            if end is None:
                where = (edge, point.gain) if is_across else (point.headline, edge)
                axes.plot(*where, arrow, color=colour, markersize=6, clip_on=False, zorder=2)
