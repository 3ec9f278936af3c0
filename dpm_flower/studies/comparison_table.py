"""A comparison's results -> its table for the terminal, and the same lines for its page."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from dpm_flower.studies.cells import said
from dpm_flower.studies.comparison_results import ComparisonResults
from dpm_flower.studies.fitted_table import Strip, fitted_table, left_out
from dpm_flower.studies.wording import with_spread

LEGEND = "± one sample standard deviation over seeds. CPU time: of processors, mean over seeds; what trials share counts for the first."


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One trial in words: a text for each column, its CPU time, and what is missing, empty where nothing is."""

    trial: str
    texts: tuple[str, ...]
    cpu: str
    note: str = ""


def compared_lines(results: ComparisonResults) -> tuple[ComparedLine, ...]:
    """A comparison's results -> its lines, trials in their order."""
    lines = []
    for trial in results.trials:
        texts = tuple(with_spread(trial.figure(column.key, column.scale), column.digits) for column in results.columns)
        taken = [cell.cpu_seconds for cell in trial.cells if cell.figures]
        cpu = f"{sum(taken) / len(taken):.0f}" if taken else "–"
        lines.append(ComparedLine(trial.name, texts, cpu, f"{trial.name}: {trial.missing}" if trial.missing else ""))
    return tuple(lines)


def comparison_table(results: ComparisonResults, width: int = 120) -> RenderableType:
    """A comparison's results and the terminal's width in columns -> its table, with what is missing and what follows stated below it."""
    lines = compared_lines(results)
    notes = [line.note for line in lines if line.note]
    marks = [f" [{notes.index(line.note) + 1}]" if line.note else "" for line in lines]
    strips = [
        Strip("trial", [said(line.trial) + mark for line, mark in zip(lines, marks, strict=True)], words=True),
        *(
            Strip(f"{column.head}\n{column.unit}".strip(), [line.texts[place] for line in lines])
            for place, column in enumerate(results.columns)
        ),
        Strip("CPU time\ns", [line.cpu for line in lines], minor=True),
    ]
    table = fitted_table(strips, width, bold=[False] * len(lines), sections=[False] * len(lines))
    gone = [strips[place].head.replace("\n", " ") for place in left_out(strips, width)]
    below = [*(f"[{number}] {said(note)}" for number, note in enumerate(notes, 1)), *results.conclusions, LEGEND]
    if gone:
        below.append(f"No room in {width} columns for: {'; '.join(gone)}. They stand in comparison.csv.")
    seeds = f"{len(results.seeds)} seed{'s' if len(results.seeds) > 1 else ''}"
    return Group(Text(f"{results.comparison}: {len(lines)} trials, {seeds}", style="bold"), Text(), table, *map(Text, below))
