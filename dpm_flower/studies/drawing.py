"""How every picture of a run looks: two schemes, one colour-blind safe palette, and bytes out. No pyplot, no global state left."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ImageFormat = Literal["svg", "png"]
LETTER_PX, KEY_PX = 7.4, 72  # of a legend: mean width of a letter at 10 points; the coloured key with the room around it
DOTS_PER_INCH = 100  # a figure of 10 inches is 1,000 px wide

# Okabe and Ito's colours without black, in an order that keeps neighbours apart in lightness too; safe for all colour blindness.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
HATCHES = ("", "///", "...", "xxx")  # the palette's second, third and fourth round


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours around the data: `ink` for text and axes, `faint` for grids, `paper` for the background."""

    ink: str
    faint: str
    paper: str


LIGHT = Scheme(ink="#1d2430", faint="#d9dee6", paper="#ffffff")
DARK = Scheme(ink="#e6e9ef", faint="#3a4352", paper="#161b22")


def canvas(width_in: float, height_in: float, scheme: Scheme, *, lays_itself_out: bool = True) -> Figure:
    """A size in inches -> an empty figure, which finds room for its labels by itself unless told not to."""
    layout: Literal["constrained"] | None = "constrained" if lays_itself_out else None
    return Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, facecolor=scheme.paper, layout=layout)


def legend_columns(labels: Sequence[str]) -> int:
    """The labels of a legend above a figure of 10 inches -> into how many columns they fit there."""
    return min(len(labels), max(1, int(1000 / (LETTER_PX * max(map(len, labels)) + KEY_PX))))


def dress(axes: Axes, scheme: Scheme) -> None:
    """Axes -> the same axes in the colours of the scheme, without the frame's upper and right side."""
    axes.set_facecolor(scheme.paper)
    axes.tick_params(colors=scheme.ink, labelsize=10)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(scheme.ink)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(scheme.ink)
        label.set_fontsize(11)
    axes.set_axisbelow(True)


def literal(text: str) -> str:
    """Anybody's text -> what matplotlib draws as just that text: no formulas, and no label hidden by a leading underscore."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def image_bytes(figure: Figure, kind: ImageFormat) -> bytes:
    """A figure -> an SVG or PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "dpm-flower", "svg.fonttype": "path"}):
        figure.savefig(file, format=kind, metadata=metadata, facecolor=figure.get_facecolor())
    return file.getvalue()
