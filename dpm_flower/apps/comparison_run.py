"""One comparison: its name and overrides -> its cells, run in this process into a folder of its own, and their table."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from dpm_flower.apps.study_run import absolute, made
from dpm_flower.core.alone import alone_in
from dpm_flower.core.comparison import Comparison
from dpm_flower.core.errors import StudyError
from dpm_flower.core.progress import Progress
from dpm_flower.core.whole_file import sweep
from dpm_flower.studies.circumstances import machine_of
from dpm_flower.studies.comparison_cells import CELLS, Bench, cells_in_turn, pictures_of
from dpm_flower.studies.comparison_files import write_comparison
from dpm_flower.studies.comparison_results import ComparedCell, ComparisonResults, comparison_results

QUIET_S = 10.0  # between two lines about the same piece of work


def ordered(comparison: Comparison, data: str, seeds: str) -> Comparison:
    """A comparison and what was typed in place of its data and seeds -> the one to run. Raises StudyError, also where no data is named."""
    chosen = absolute(data or comparison.data)
    if not chosen:
        raise StudyError(f"comparison {comparison.name!r} brings no data of its own: give it with --data")
    try:
        wanted = tuple(int(seed) for seed in seeds.replace(",", " ").split()) if seeds else comparison.seeds
    except ValueError as err:
        raise StudyError(f'seeds are whole numbers with commas, for example "0,1,2", got {seeds!r}') from err
    return replace(comparison, data=chosen, seeds=wanted)


def run_comparison(folder: Path, comparison: Comparison, command: str, console: Console) -> ComparisonResults:
    """An absolute folder, which is made, and an ordered comparison -> what it came to, also written there after each cell.

    Cells that were run there before are read. Raises OutputError where the folder cannot be written, StudyError where another run is
    at work in it.
    """
    made(folder)
    with alone_in(folder):
        sweep(folder, (CELLS,))
        bench = Bench.of(comparison, folder, _told(console))
        machine = machine_of(bench.compute) | {"threads": str(comparison.threads)}
        found: dict[tuple[str, int], ComparedCell] = {}
        results = comparison_results(comparison, comparison.data, found, machine, command)
        cells = len(comparison.trials) * len(comparison.seeds)
        for trial, cell in cells_in_turn(bench):
            found[trial.name, cell.seed] = cell
            came_to = cell.reason or f"{cell.cpu_seconds:.0f} s of CPU time"
            console.print(f"cell {len(found)} of {cells}: {trial.name}, seed {cell.seed}: {came_to}", soft_wrap=True, markup=False)
            results = comparison_results(comparison, comparison.data, found, machine, command)
            write_comparison(folder, results, pictures_of(bench))
        return results


def _told(console: Console) -> Callable[[Progress], None]:
    """Who prints a line now and then about what is being trained."""
    last = [0.0]

    def tell(progress: Progress) -> None:
        if time.monotonic() - last[0] >= QUIET_S:
            last[0] = time.monotonic()
            said = f"  {progress.work}: step {progress.step}/{progress.steps}, loss {progress.loss:.3f}"
            console.print(said, soft_wrap=True, markup=False)

    return tell
