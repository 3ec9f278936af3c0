"""Results -> the charts of a run, as SVG or PNG bytes: accuracy by entity and arm, and who holds what."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dpm_flower.studies.cells import said
from dpm_flower.studies.class_bars import ROW_IN, Holder, class_bars, row_height_in, shade
from dpm_flower.studies.drawing import HATCHES, LIGHT, PALETTE, ImageFormat, Scheme, canvas, dress, image_bytes, legend_columns, literal
from dpm_flower.studies.facts import Facts
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, Row

WIDTH_IN = 10.0
GROUP = 0.84  # of the distance between two groups of bars; the rest is air
PUBLIC = "public part"
LISTED = 20  # classes that a legend can name; more are recognised by their order only
DWARFING = 3.0  # times the largest entity; a longer public bar would leave the entities' too short to be read


def accuracy_bars(results: Results, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Results -> one group of bars per entity and one for their mean, one bar per arm, ± one standard deviation over seeds.

    The dashed line is what naming the most frequent class scores. An arm without figures leaves its place empty, with a cross.
    """
    groups = [*results.entities, MEAN]
    rows = {(row.arm, row.entity): row for row in results.rows}
    arms = trained_arms(results)
    labels = [*(literal(said(arm)) for arm in arms), "chance: most frequent class"]
    figure = canvas(WIDTH_IN, 4.4 + _legend_in(labels), scheme)
    axes = figure.subplots()
    dress(axes, scheme)
    step = GROUP / len(arms)
    for place, arm in enumerate(arms):
        offset = (place - (len(arms) - 1) / 2) * step
        for group, entity in enumerate(groups):
            _bar(axes, group + offset, step, rows.get((arm, entity)), place, scheme)
    for group, entity in enumerate(groups):
        trivial = next((row.trivial for row in results.rows if row.entity == entity and row.trivial is not None), None)
        if trivial is not None:
            axes.hlines(100 * trivial, group - GROUP / 2, group + GROUP / 2, colors=scheme.ink, linestyles="dashed", linewidth=1.4)
    axes.set_xticks(range(len(groups)), [literal(group) for group in groups])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 100)
    axes.set_ylabel("top-1 on test images, %")
    axes.set_xlabel(
        f"entity (bars: mean over {len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}, lines: ± 1 standard deviation)"
    )
    axes.grid(axis="y", color=scheme.faint, linewidth=0.8)
    handles: list[Patch | Line2D] = [Patch(**_look(place, scheme)) for place in range(len(arms))]
    handles.append(Line2D([], [], color=scheme.ink, linestyle="dashed", linewidth=1.4))
    _legend(figure, handles, labels, scheme)
    return image_bytes(figure, kind)


def trained_arms(results: Results) -> list[str]:
    """Results -> the arms whose deciders are judged, also those that came to nothing; not those in which nobody trains."""
    return list(dict.fromkeys(row.arm for row in results.rows if row.trained))


def _look(place: int, scheme: Scheme) -> dict[str, Any]:
    """An arm's place in the study -> its colour; after eight arms the colours come again with a hatch."""
    hatch = HATCHES[place // len(PALETTE) % len(HATCHES)]
    return {"facecolor": PALETTE[place % len(PALETTE)], "hatch": hatch, "edgecolor": scheme.paper, "linewidth": 0.6}


def _bar(axes: Axes, where: float, width: float, row: Row | None, place: int, scheme: Scheme) -> None:
    if row is None:  # an arm that this entity is not part of
        return
    top1 = row.figure("top1", 100.0)
    if top1 is None:
        axes.text(where, 1.0, "×", ha="center", va="bottom", color=scheme.ink, fontsize=11)
        return
    axes.bar(where, top1.mean, width, **_look(place, scheme))
    if top1.deviation is not None:
        axes.errorbar(where, top1.mean, yerr=top1.deviation, color=scheme.ink, capsize=2.5, linewidth=1.2)


def who_holds_what(facts: Facts, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Facts -> one bar per entity and one for the public part, as long as its number of images, divided by class.

    A public part that would dwarf the entities has a scale of its own. What nobody holds is told below.
    """
    entities = [Holder(holding.entity, holding.counts) for holding in facts.holdings]
    public = Holder(PUBLIC, facts.public)
    apart = public.total > DWARFING * max((holder.total for holder in entities), default=0)
    panels = [entities, [public]] if apart and entities else [[*entities, public]]
    rows = [len(panel) for panel in panels]
    row_in = row_height_in(sum(rows))
    heights_in = [max(row_in * number, ROW_IN) for number in rows]
    labels = [literal(said(name)) for name in facts.classes] if len(facts.classes) <= LISTED else []
    figure = canvas(WIDTH_IN, 0.4 + sum(heights_in) + 0.8 * len(panels) + _legend_in(labels), scheme)
    grid = figure.subplots(len(panels), squeeze=False, height_ratios=heights_in)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        class_bars(axes, panel, facts.classes, row_in if len(panel) > 1 else ROW_IN, scheme)
    grid[0].set_xlabel("number of training images, divided by class (classes in one order from left to right)")
    told = ["on a scale of its own"] if len(panels) > 1 else [grid[0].get_xlabel()]
    told += ["not drawn: " + ", ".join(f"{number:,} {why}" for why, number in facts.left_out.items())] if facts.left_out else []
    grid[-1].set_xlabel("\n".join(told))
    if labels:
        handles = [Patch(facecolor=shade(number, len(labels)), edgecolor=scheme.ink) for number in range(len(labels))]
        _legend(figure, handles, labels, scheme)
    return image_bytes(figure, kind)


def _legend(figure: Figure, handles: Sequence[Patch | Line2D], labels: Sequence[str], scheme: Scheme) -> None:
    """Above the axes, in as many columns as fit."""
    columns = legend_columns(labels)
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, labelcolor=scheme.ink, fontsize=10)


def _legend_in(labels: Sequence[str]) -> float:
    """The height that a legend takes, in inches."""
    return 0.2 + 0.22 * math.ceil(len(labels) / legend_columns(labels)) if labels else 0.0
