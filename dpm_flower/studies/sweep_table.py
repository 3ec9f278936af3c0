"""A sweep's results -> its table for the terminal, and the same lines for its page: one per variant and arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.text import Text

from dpm_flower.core.figures import COSTS_LEGEND
from dpm_flower.studies.cells import said
from dpm_flower.studies.columns import columns_named, gain_texts
from dpm_flower.studies.fitted_table import Strip, fitted_table, left_out
from dpm_flower.studies.rows import MEAN, summaries
from dpm_flower.studies.sweep_results import SweepResults, Variant
from dpm_flower.studies.wording import NONE

LEGEND = (
    "Means over entities (of an arm with one receiver: its own) ± one sample standard deviation over seeds. z: raw features, p: shared. "
    f"{COSTS_LEGEND}"
)


@dataclass(frozen=True, slots=True)
class SweepLine:
    """One line in words: the variant, the arm, and a text for each column; `note` says what is missing, empty where nothing is."""

    label: str
    arm: str
    texts: tuple[str, ...]
    note: str = ""


def sweep_lines(results: SweepResults, *, spread: bool = False) -> tuple[SweepLine, ...]:
    """A sweep's results -> its lines, variants in their order; one without figures has one line, with its reason."""
    return tuple(line for variant in results.variants for line in _lines(variant, results.columns, spread=spread))


def _lines(variant: Variant, names: Sequence[str], *, spread: bool) -> list[SweepLine]:
    columns = columns_named(names)
    if not variant.rows:
        told = f"failed: {variant.reason}" if variant.failed else variant.reason
        return [SweepLine(variant.label, NONE, tuple(NONE for _ in columns), f"{variant.label} {told}")]
    gains = gain_texts(variant.rows, variant.gains)
    lines = []
    for arm, row in summaries(variant.rows).items():
        texts = tuple(column.text(row, gains[arm], spread=spread) for column in columns)
        who = "" if row.entity == MEAN else f", {row.entity}"
        lines.append(SweepLine(variant.label, arm, texts, f"{variant.label}, {arm}{who}: {row.reason}" if row.missing else ""))
    return lines


def sweep_table(results: SweepResults, width: int = 120) -> RenderableType:
    """A sweep's results and the terminal's width in columns -> its table, with everything that is missing stated below it."""
    lines = sweep_lines(results)
    notes = [line.note for line in lines if line.note]
    marks = [f" [{notes.index(line.note) + 1}]" if line.note else "" for line in lines]
    named = [place == 0 or line.label != lines[place - 1].label for place, line in enumerate(lines)]
    strips = [
        Strip("variant", [line.label if first else "" for line, first in zip(lines, named, strict=True)], words=True),
        Strip("arm", [said(line.arm) + mark for line, mark in zip(lines, marks, strict=True)], words=True),
        *(
            Strip(f"{column.figure.head}\n{column.unit}".strip(), [line.texts[place] for line in lines])
            for place, column in enumerate(columns_named(results.columns))
        ),
    ]
    table = fitted_table(
        strips, width, bold=[False] * len(lines), sections=[line.label != after.label for line, after in pairwise(lines)] + [False]
    )
    gone = [strips[place].head.replace("\n", " ") for place in left_out(strips, width)]
    below = [*(f"[{number}] {said(note)}" for number, note in enumerate(notes, 1)), LEGEND]
    if gone:
        below.append(f"No room in {width} columns for: {'; '.join(gone)}. They stand in sweep.csv.")
    title = f"{results.sweep}: {len(results.variants)} variants"
    return Group(Text(title, style="bold"), Text(), table, *map(Text, below))
