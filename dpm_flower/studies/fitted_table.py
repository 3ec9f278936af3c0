"""Heads and texts of columns -> a table for the terminal that leaves out what it has no room for."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

PADDING, DIVIDER = 1, 1  # blanks between two columns: ours, and the one of the box
LEAST_WORDS = 20  # a column of words folds, but not into less than this


@dataclass(frozen=True, slots=True)
class Strip:
    """One column: its head (lines), its texts, one per row; words fold, figures never. `minor` ones are left out first."""

    head: str
    texts: Sequence[str]
    words: bool = False
    minor: bool = False

    @property
    def needs(self) -> int:
        """The columns of a terminal that it cannot do without."""
        widest = max(len(line) for text in (self.head, *self.texts) for line in text.split("\n"))
        return min(widest, LEAST_WORDS) if self.words else widest


def left_out(strips: Sequence[Strip], width: int) -> tuple[int, ...]:
    """Columns and the terminal's width -> the places of those that it has no room for: minor ones from the right, then others."""
    figures = [place for place, strip in enumerate(strips) if not strip.words]
    order = sorted(figures, key=lambda place: (not strips[place].minor, -place))
    gone: list[int] = []
    while order[1:] and sum(strip.needs + PADDING + DIVIDER for place, strip in enumerate(strips) if place not in gone) > width:
        gone.append(order.pop(0))
    return tuple(sorted(gone))


def fitted_table(strips: Sequence[Strip], width: int, *, bold: Sequence[bool], sections: Sequence[bool]) -> Table:
    """Columns, the terminal's width, and for each row whether it is bold and whether a group of rows ends with it -> the table."""
    gone = left_out(strips, width)
    shown = [strip for place, strip in enumerate(strips) if place not in gone]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, PADDING, 0, 0), header_style="bold")
    for strip in shown:
        table.add_column(Text(strip.head), justify="left" if strip.words else "right", overflow="fold", no_wrap=not strip.words)
    for place, (strong, ends) in enumerate(zip(bold, sections, strict=True)):
        table.add_row(*(Text(strip.texts[place]) for strip in shown), style="bold" if strong else None)
        if ends:
            table.add_section()
    return table
