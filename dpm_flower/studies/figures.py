"""Results -> the charts of a run, as SVG or PNG bytes: accuracy by entity and arm, and who holds what."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dpm_flower.studies.cells import said
from dpm_flower.studies.drawing import HATCHES, LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, legend_columns, literal
from dpm_flower.studies.facts import Facts
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, Row

WIDTH_IN = 10.0
GROUP = 0.84  # of the distance between two groups of bars; the rest is air
PUBLIC = "public part"
LISTED = 20  # classes that a legend can name; more are recognised by their order only
READABLE = 0.035  # of the chart's width; a class name does not fit into a narrower segment


def accuracy_bars(results: Results, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Results -> one group of bars per entity and one for their mean, one bar per arm, ± one standard deviation over seeds.

    The dashed line is what naming the most frequent class scores. An arm without figures leaves its place empty, with a cross.
    """
    groups = [*results.entities, MEAN]
    rows = {(row.arm, row.entity): row for row in results.rows}
    labels = [*(literal(said(arm)) for arm in results.arms), "chance: most frequent class"]
    figure = canvas(WIDTH_IN, 4.4 + _legend_in(labels), scheme)
    axes = figure.subplots()
    dress(axes, scheme)
    step = GROUP / len(results.arms)
    for place, arm in enumerate(results.arms):
        offset = (place - (len(results.arms) - 1) / 2) * step
        for group, entity in enumerate(groups):
            _bar(axes, group + offset, step, rows.get((arm, entity)), place, scheme)
    for group, entity in enumerate(groups):
        trivial = next((row.trivial for row in results.rows if row.entity == entity and row.trivial is not None), None)
        if trivial is not None:
            axes.hlines(trivial, group - GROUP / 2, group + GROUP / 2, colors=scheme.ink, linestyles="dashed", linewidth=1.4)
    axes.set_xticks(range(len(groups)), [literal(group) for group in groups])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 100)
    axes.set_ylabel("top-1 on test images, %")
    axes.set_xlabel(
        f"entity (bars: mean over {len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}, lines: ± 1 standard deviation)"
    )
    axes.grid(axis="y", color=scheme.faint, linewidth=0.8)
    handles: list[Patch | Line2D] = [Patch(**_look(place, scheme)) for place in range(len(results.arms))]
    handles.append(Line2D([], [], color=scheme.ink, linestyle="dashed", linewidth=1.4))
    _legend(figure, handles, labels, scheme)
    return image_bytes(figure, kind)


def _look(place: int, scheme: Scheme) -> dict[str, Any]:
    """An arm's place in the study -> its colour; after eight arms the colours come again with a hatch."""
    hatch = HATCHES[place // len(PALETTE) % len(HATCHES)]
    return {"facecolor": PALETTE[place % len(PALETTE)], "hatch": hatch, "edgecolor": scheme.paper, "linewidth": 0.6}


def _bar(axes: Axes, where: float, width: float, row: Row | None, place: int, scheme: Scheme) -> None:
    if row is None:  # an arm that this entity is not part of
        return
    if row.top1 is None:
        axes.text(where, 1.0, "×", ha="center", va="bottom", color=scheme.ink, fontsize=11)
        return
    axes.bar(where, row.top1.mean, width, **_look(place, scheme))
    if row.top1.deviation is not None:
        axes.errorbar(where, row.top1.mean, yerr=row.top1.deviation, color=scheme.ink, capsize=2.5, linewidth=1.2)


def who_holds_what(facts: Facts, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Facts -> one bar per entity and one for the public part, as long as its number of images, divided by class."""
    holders = [(holding.entity, holding.counts) for holding in facts.holdings]
    holders.append((PUBLIC, facts.public))
    labels = [literal(said(name)) for name in facts.classes] if len(facts.classes) <= LISTED else []
    figure = canvas(WIDTH_IN, 1.2 + 0.5 * len(holders) + _legend_in(labels), scheme)
    axes = figure.subplots()
    dress(axes, scheme)
    longest = max(1, *(sum(counts) for _, counts in holders))
    for place, (_, counts) in enumerate(holders):
        _segments(axes, place, counts, facts.classes, longest, scheme)
        axes.text(sum(counts) + 0.008 * longest, place, f"{sum(counts):,}", va="center", color=scheme.ink, fontsize=10)
    axes.set_yticks(range(len(holders)), [literal(holder) for holder, _ in holders])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08 * longest)
    axes.set_xlabel("number of training images, divided by class (classes in one order from left to right)")
    axes.grid(axis="x", color=scheme.faint, linewidth=0.8)
    if labels:
        handles = [Patch(facecolor=_shade(number, len(labels)), edgecolor=scheme.ink) for number in range(len(labels))]
        _legend(figure, handles, labels, scheme)
    return image_bytes(figure, kind)


def _legend(figure: Figure, handles: Sequence[Patch | Line2D], labels: Sequence[str], scheme: Scheme) -> None:
    """Above the axes, in as many columns as fit."""
    columns = legend_columns(labels)
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)


def _legend_in(labels: Sequence[str]) -> float:
    """The height that a legend takes, in inches."""
    return 0.2 + 0.22 * math.ceil(len(labels) / legend_columns(labels)) if labels else 0.0


def _shade(number: int, classes: int) -> tuple[float, float, float, float]:
    """A class number -> its colour, from dark to light on a scale that looks alike with and without colour blindness."""
    return mpl.colormaps["cividis"](number / max(1, classes - 1))


def _segments(axes: Axes, place: int, counts: Sequence[int], classes: Sequence[str], longest: int, scheme: Scheme) -> None:
    left = 0
    for number, count in enumerate(counts):
        if count:
            axes.barh(place, count, 0.68, left=left, color=_shade(number, len(counts)), edgecolor=scheme.paper, linewidth=0.8)
        name = said(classes[number])
        if count > READABLE * longest * max(1.0, len(name) / 4):
            ink = "#ffffff" if number < len(counts) / 2 else "#1d2430"
            axes.text(left + count / 2, place, literal(name), ha="center", va="center", color=ink, fontsize=9)
        left += count
