"""Rows -> the cells of a table: which figures a study shows, what stands above each, and each figure in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpm_flower.core.errors import StudyError
from dpm_flower.core.figures import COST_PREFIX, DEFAULT_COLUMNS, FIGURES, Figure
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.rows import Row
from dpm_flower.studies.wording import NONE, before_after, gain_kept_text, mean_only, percent, with_spread


@dataclass(frozen=True, slots=True)
class Column:
    """One figure as a table's column: its name, and what it is."""

    name: str
    figure: Figure

    @property
    def cost(self) -> bool:
        """Whether it belongs to the machine and the run, not to the method."""
        return any(key.startswith(COST_PREFIX) for key in self.figure.keys)

    @property
    def unit(self) -> str:
        """What stands below the head: "z → p, %" for a figure of releases in percent."""
        return ", ".join(filter(None, ["z → p" if self.figure.pair else "", "" if self.name == "gain_kept" else self.figure.unit]))

    def text(self, row: Row, gain: str, *, spread: bool = False) -> str:
        """A row and what it says of its arm's gain -> the figure in words; with `spread` a pair and a cost have theirs too."""
        figure = self.figure
        match self.name:
            case "seeds":
                counts = [value.count for value in row.figures.values()]
                return str(row.figures["top1"].count if "top1" in row.figures else max(counts, default=0))
            case "trivial":
                return percent(None if row.trivial is None else figure.scale * row.trivial)
            case "gain_kept":
                return gain
        values = [row.figure(key, figure.scale) for key in figure.keys]
        if not figure.pair:
            return mean_only(values[0], figure.digits) if self.cost and not spread else with_spread(values[0], figure.digits)
        if not spread:
            return before_after(values[0], values[1], figure.digits)
        return NONE if values == [None, None] else " → ".join(with_spread(value, figure.digits) for value in values)


def gain_texts(rows: Sequence[Row], gains: Sequence[ArmGain]) -> Mapping[str, str]:
    """Rows and gains -> by arm, what the row that stands for the arm says of its gain; a dash where there is none to ask for."""
    known = {gain.arm: gain for gain in gains}
    return {row.arm: gain_kept_text(known.get(row.arm)) if row.trained else NONE for row in rows}


def columns_named(names: Sequence[str]) -> tuple[Column, ...]:
    """Names of figures, none for the usual ones -> the columns. Raises StudyError for a name that this version does not know."""
    if unknown := [name for name in names if name not in FIGURES]:
        raise StudyError(f"wanted columns among {', '.join(FIGURES)}, got {', '.join(unknown)}")
    return tuple(Column(name, FIGURES[name]) for name in names or DEFAULT_COLUMNS)
