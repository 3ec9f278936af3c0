"""What a release is worth against what it tells -> one picture: gain kept up, headline disclosure to the right, a point for each arm."""

from collections.abc import Sequence
from dataclasses import dataclass

from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, literal
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.rows import Row, summaries

WIDTH_IN, HEIGHT_IN = 10.0, 5.4
MARKERS = "osD^vPX*"


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One arm: gain kept and headline disclosure, each with the ends of its interval. Up and to the left is better."""

    arm: str
    gain: float
    gain_ends: tuple[float, float]
    headline: float
    headline_ends: tuple[float, float]


def frontier_of(rows: Sequence[Row], gains: Sequence[ArmGain]) -> tuple[FrontierPoint, ...]:
    """Rows and gains -> the arms of which both are known, in the study's order.

    The gain's interval is its bootstrap one; the headline's is the mean over seeds of the ends of its own.
    """
    known, found = {gain.arm: gain for gain in gains}, []
    for arm, row in summaries(rows).items():
        gain, headline = known.get(arm), row.figure("headline_p")
        if gain is None or gain.value is None or headline is None:
            continue
        ends = [row.figure(f"headline_p_{end}") for end in ("low", "high")]
        low, high = (headline.mean if end is None else end.mean for end in ends)
        gain_ends = (gain.value if gain.low is None else gain.low, gain.value if gain.high is None else gain.high)
        found.append(FrontierPoint(arm, gain.value, gain_ends, headline.mean, (low, high)))
    return tuple(found)


def frontier_chart(points: Sequence[FrontierPoint], *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Points, at least one -> the chart; arms are named beside their points."""
    chart = canvas(WIDTH_IN, HEIGHT_IN, scheme)
    axes = chart.subplots()
    dress(axes, scheme)
    for place, point in enumerate(points):
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        axes.plot(point.headline_ends, (point.gain, point.gain), color=colour, linewidth=1.4, zorder=2)
        axes.plot((point.headline, point.headline), point.gain_ends, color=colour, linewidth=1.4, zorder=2)
        axes.plot(point.headline, point.gain, marker, color=colour, markersize=7, zorder=3, label=literal(point.arm))
    for value in (0.0, 1.0):
        axes.axhline(value, color=scheme.faint, linewidth=0.9, zorder=1)
    axes.set_xlabel("headline: disclosed fraction of the worst attacker, by any score (mean; 0 = the label alone, 1 = raw features)")
    axes.set_ylabel("gain kept (0 = own data, 1 = raw features)")
    axes.grid(color=scheme.faint, linewidth=0.5)
    columns = 3 if len(points) > 4 else max(1, len(points))  # two lines of three names fit above the chart
    chart.legend(loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=9)
    return image_bytes(chart, kind)
