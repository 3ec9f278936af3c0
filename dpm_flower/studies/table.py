"""Results -> the table for the terminal: the figures that the study asks for, attacks below, and whatever is missing."""

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.text import Text

from dpm_flower.core.figures import COSTS_LEGEND
from dpm_flower.studies.attack_figures import HEADS, attack_lines
from dpm_flower.studies.cells import said
from dpm_flower.studies.columns import columns_named, gain_texts
from dpm_flower.studies.fitted_table import Strip, fitted_table, left_out
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, Row, summaries
from dpm_flower.studies.tuning import chosen_arms
from dpm_flower.studies.tuning_lines import CHOSEN, tuning_sentence
from dpm_flower.studies.wording import percent

LEGEND = (
    "± one sample standard deviation over seeds. z: raw features, p: what is shared; SSIM sign-aware; R: the public reconstructor. "
    f"An arm with one receiver: its decider, and the mean of the releases. {COSTS_LEGEND}"
)


def result_table(results: Results, width: int = 120) -> RenderableType:
    """Results and the terminal's width in columns -> the result table, with everything that is missing stated below it.

    In a terminal that is too narrow for all columns some are left out, from the right (of the usual ones costs first), and the text
    below says which.
    """
    notes: list[str] = []
    strips = _strips(results, [_note(notes, row) for row in results.rows])
    table = fitted_table(
        strips,
        width,
        bold=[row.entity == MEAN for row in results.rows],
        sections=_ends(results.rows),
    )
    gone = [strips[place].head.replace("\n", " ") for place in left_out(strips, width)]
    below = [*notes, *(f"Gain kept of {said(gain.arm)}: {gain.reason}" for gain in results.gains if gain.reason)]
    below += [*map(tuning_sentence, results.tunings), LEGEND]
    if gone:
        below.append(f"No room in {width} columns for: {'; '.join(gone)}. They stand in results.csv.")
    return Group(Text(_title(results), style="bold"), Text(), table, *_attacks(results, width), *map(Text, below))


def _ends(rows: Sequence[Row]) -> list[bool]:
    """For each row whether a group ends with it: arms of several rows stand apart, arms of one row stand together."""
    several = {row.arm for row in rows if row.entity == MEAN}
    return [row.arm != after.arm and bool(several & {row.arm, after.arm}) for row, after in pairwise(rows)] + [False] * bool(rows)


def _strips(results: Results, marks: Sequence[str]) -> list[Strip]:
    """The columns of the table; an arm is named in its first row only, and the row that stands for it states its gain."""
    rows, standing = results.rows, set(map(id, summaries(results.rows).values()))
    first = [place == 0 or row.arm != rows[place - 1].arm for place, row in enumerate(rows)]
    gains = gain_texts(rows, results.gains)
    chosen = dict.fromkeys(chosen_arms(results.tunings), f" {CHOSEN}")
    arms = [said(row.arm) + chosen.get(row.arm, "") if named else "" for row, named in zip(rows, first, strict=True)]
    strips = [
        Strip("arm", arms, words=True),
        Strip("entity", [("mean" if row.entity == MEAN else row.entity) + mark for row, mark in zip(rows, marks, strict=True)], words=True),
    ]
    for column in columns_named(results.columns):
        texts = [column.text(row, gains[row.arm] if id(row) in standing else "") for row in rows]
        strips.append(Strip(f"{column.figure.head}\n{column.unit}".strip(), texts, minor=column.figure.minor and not results.columns))
    return strips


def _attacks(results: Results, width: int) -> list[RenderableType]:
    """One line per arm and attack, where the run has attacks."""
    lines = attack_lines(results.rows)
    if not lines:
        return []
    strips = [
        Strip("attack", [said(line.attack) for line in lines], words=True),
        Strip("arm", [said(line.arm) for line in lines], words=True),
        *(Strip(f"{head}\nz → p", [line.texts[place] for line in lines]) for place, (_, head, _) in enumerate(HEADS)),
    ]
    return [Text(), fitted_table(strips, width, bold=[False] * len(lines), sections=[False] * len(lines)), Text()]


def _title(results: Results) -> str:
    seeds = f"{len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}"
    images = _range([f"{row.test_images:,}" for row in results.rows if row.entity != MEAN and row.test_images is not None])
    trivial = _range([percent(100 * row.trivial) for row in results.rows if row.entity != MEAN and row.trivial is not None])
    return f"{said(results.study)}: {seeds}, {images} test images; always naming the most frequent class scores {trivial} %"


def _range(values: Sequence[str]) -> str:
    """Numbers as they are printed -> "400", or "300 to 400" where entities differ, or "?"."""
    different = sorted(set(values), key=lambda value: float(value.replace(",", "")))
    if not different:
        return "?"
    return different[0] if len(different) == 1 else f"{different[0]} to {different[-1]}"


def _note(notes: list[str], row: Row) -> str:
    """Adds what is missing in this row, if anything, to the notes below the table -> the mark that points there."""
    if not row.missing:
        return ""
    notes.append(f"[{len(notes) + 1}] {said(row.arm)}, {row.entity}: {row.reason}")
    return f" [{len(notes)}]"
