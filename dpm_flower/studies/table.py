"""Results -> the table for the terminal: quality with its spread first, then gain kept, then costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dpm_flower.studies.cells import said
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, Row
from dpm_flower.studies.wording import MEGABYTE, before_after, gain_kept_text, mean_only, percent, with_spread

NARROW = 104  # terminal columns; below it four columns of the table are left out, and the text below says so


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head with the unit, and whether a narrow terminal has room for it."""

    head: str
    words: bool = False
    only_wide: bool = False


COLUMNS = (
    Column("arm", words=True),
    Column("entity", words=True),
    Column("top-1\n%"),
    Column("seeds", only_wide=True),
    Column("trivial\n%", only_wide=True),
    Column("SSIM of R\nz → p"),
    Column("D as received\nz → p, %", only_wide=True),
    Column("gain kept\n[95 %]"),
    Column("sent\nMB", only_wide=True),
    Column("time\ns", only_wide=True),
)


def result_table(results: Results, width: int = 120) -> RenderableType:
    """Results and the terminal's width in columns -> the result table, with everything that is missing stated below it.

    Fits 120 columns; in a narrower terminal it keeps accuracy, similarity and gain kept, and says what it leaves out.
    """
    wide = width >= NARROW
    shown = [place for place, column in enumerate(COLUMNS) if wide or not column.only_wide]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in (COLUMNS[place] for place in shown):
        table.add_column(column.head, justify="left" if column.words else "right", overflow="fold", no_wrap=not column.words)
    notes: list[str] = []
    above = ""
    for row in results.rows:
        mean = row.entity == MEAN
        cells = _line(results, row, named=row.arm != above, mark=_note(notes, row))
        table.add_row(*(Text(cells[place]) for place in shown), style="bold" if mean else None)
        if mean:
            table.add_section()
        above = row.arm
    return Group(Text(_title(results), style="bold"), Text(), table, *map(Text, [*notes, *_legend(results, wide=wide)]))


def _title(results: Results) -> str:
    seeds = f"{len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}"
    images = _range([f"{row.test_images:,}" for row in results.rows if row.entity != MEAN and row.test_images is not None])
    trivial = _range([percent(row.trivial) for row in results.rows if row.entity != MEAN and row.trivial is not None])
    return f"{said(results.study)}: {seeds}, {images} test images; always naming the most frequent class scores {trivial} %"


def _range(values: Sequence[str]) -> str:
    """Numbers as they are printed -> "400", or "300 to 400" where entities differ, or "?"."""
    different = sorted(set(values), key=lambda value: float(value.replace(",", "")))
    if not different:
        return "?"
    return different[0] if len(different) == 1 else f"{different[0]} to {different[-1]}"


def _line(results: Results, row: Row, *, named: bool, mark: str) -> list[str]:
    """One row in words, a text for each of COLUMNS; the arm is named in its first row only."""
    mean = row.entity == MEAN
    return [
        said(row.arm) if named else "",
        ("mean" if mean else row.entity) + mark,
        with_spread(row.top1),
        str(row.top1.count if row.top1 else 0),
        percent(row.trivial),
        before_after(row.ssim_z, row.ssim_p, 2),
        before_after(row.top1_z, row.top1_p, 1),
        gain_kept_text(results.gain(row.arm)) if mean else "",
        mean_only(row.bytes_sent, 2, MEGABYTE),
        mean_only(row.seconds),
    ]


def _note(notes: list[str], row: Row) -> str:
    """Adds what is missing in this row, if anything, to the notes below the table -> the mark that points there."""
    if not row.missing:
        return ""
    notes.append(f"[{len(notes) + 1}] {said(row.arm)}, {row.entity}: {row.reason}")
    return f" [{len(notes)}]"


def _legend(results: Results, *, wide: bool) -> list[str]:
    lines = [f"Gain kept of {said(gain.arm)}: {gain.reason}" for gain in results.gains if gain.reason]
    lines.append("± one sample standard deviation over seeds. SSIM sign-aware, public reconstructor R on raw (z) and shared (p) features.")
    if not wide:
        lines.append(f"Seeds, costs and the release through D as received: results.csv, or a terminal of {NARROW} columns.")
    return lines
