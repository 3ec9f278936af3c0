"""One bar per holder, divided by class, from a handful of holders to hundreds, and from two classes to a thousand."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from dpm_flower.studies.cells import said
from dpm_flower.studies.drawing import Scheme, dress, literal

ROW_IN, LEAST_ROW_IN = 0.5, 0.15  # the height of a bar with the air around it; less could not be read
ALL_ROWS_IN = 6.0  # more rows than fit into this become lower
THICK = 0.68  # of a row; the rest is air
PER_ROW_PT = 47.0  # points of type for each inch of a row: two thirds of its height
TYPE_PT = 10.0
NAMED_IN = 0.3  # a class name does not fit into a lower row ...
READABLE = 0.035  # ... nor into a segment narrower than this part of the chart
EDGED = 0.012  # of the chart's width; a white line around narrower segments would hide them
MANY = 2000  # segments that an SVG draws one by one; more become a picture in it
ROOM = 1.08  # times the longest bar, for the number behind it


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds something: a name, and the images by class (K,)."""

    name: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Images in all."""
        return sum(self.counts)


def row_height_in(rows: int) -> float:
    """How many bars there are -> the height of each with the air around it, in inches."""
    return max(LEAST_ROW_IN, min(ROW_IN, ALL_ROWS_IN / rows))


def class_bars(axes: Axes, holders: Sequence[Holder], classes: Sequence[str], row_in: float, scheme: Scheme) -> None:
    """Axes, holders and K class names -> one horizontal bar per holder, the first on top, its total behind it."""
    dress(axes, scheme)
    longest = max(1, *(holder.total for holder in holders))
    type_pt = min(TYPE_PT, PER_ROW_PT * row_in)
    axes.add_collection(_segments(holders, longest, scheme))
    for place, holder in enumerate(holders):
        axes.text(holder.total + 0.008 * longest, place, f"{holder.total:,}", va="center", color=scheme.ink, fontsize=type_pt)
        if row_in >= NAMED_IN:
            _names(axes, place, holder, classes, longest)
    axes.set_yticks(range(len(holders)), [literal(holder.name) for holder in holders], fontsize=type_pt)
    axes.tick_params(axis="y", length=0, labelsize=type_pt)
    axes.set_ylim(len(holders) - 0.5, -0.5)
    axes.set_xlim(0, ROOM * longest)
    axes.grid(axis="x", color=scheme.faint, linewidth=0.8)


def shade(number: int, classes: int) -> tuple[float, float, float, float]:
    """A class number -> its colour, from dark to light on a scale that looks alike with and without colour blindness."""
    return mpl.colormaps["cividis"](number / max(1, classes - 1))


def _segments(holders: Sequence[Holder], longest: int, scheme: Scheme) -> PolyCollection:
    """All segments of all bars as one thing to draw: a hundred entities with a hundred classes have ten thousand."""
    counts_nK = np.array([holder.counts for holder in holders])
    places, numbers = counts_nK.nonzero()
    right = counts_nK.cumsum(1)[places, numbers]
    left = right - counts_nK[places, numbers]
    top, bottom = places - THICK / 2, places + THICK / 2
    corners = np.stack([np.stack(side, 1) for side in ((left, top), (right, top), (right, bottom), (left, bottom))], 1)
    colours = np.array([shade(number, counts_nK.shape[1]) for number in range(counts_nK.shape[1])])
    widths = np.where(right - left > EDGED * longest, 0.8, 0.0)
    return PolyCollection(
        list(corners),
        facecolors=colours[numbers],
        edgecolors=scheme.paper,
        linewidths=widths.tolist() or 0.8,
        rasterized=len(corners) > MANY,
        zorder=2,
    )


def _names(axes: Axes, place: int, holder: Holder, classes: Sequence[str], longest: int) -> None:
    left = 0
    for number, count in enumerate(holder.counts):
        name = said(classes[number])
        if count > READABLE * longest * max(1.0, len(name) / 4):
            ink = "#ffffff" if number < len(classes) / 2 else "#1d2430"
            axes.text(left + count / 2, place, literal(name), ha="center", va="center", color=ink, fontsize=9, zorder=3)
        left += count
