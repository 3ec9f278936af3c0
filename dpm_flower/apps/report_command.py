"""`dpm-flower report`: a finished run's, a sweep's or a comparison's folder -> its table, and its page written anew."""

import sys
from pathlib import Path

from rich.console import Console

from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.studies.comparison_files import JSON_NAME as COMPARISON_JSON
from dpm_flower.studies.comparison_files import read_comparison, write_comparison
from dpm_flower.studies.comparison_table import comparison_table
from dpm_flower.studies.report import write_report
from dpm_flower.studies.results_files import read_results
from dpm_flower.studies.sweep_files import JSON_NAME, read_sweep, write_sweep
from dpm_flower.studies.sweep_table import sweep_table
from dpm_flower.studies.table import result_table


def show(folder: Path) -> int:
    """A folder -> the exit code. A run's new report has no pictures: those are read from the entities' folders by the run itself."""
    console = Console()
    try:
        if (folder / JSON_NAME).exists():
            sweep = read_sweep(folder)
            console.print(sweep_table(sweep, console.width))
            console.print(f"report: {write_sweep(folder, sweep)}", soft_wrap=True)
        elif (folder / COMPARISON_JSON).exists():
            comparison = read_comparison(folder)
            console.print(comparison_table(comparison, console.width))
            console.print(f"report: {write_comparison(folder, comparison, {})}", soft_wrap=True)
        else:
            results = read_results(folder)
            console.print(result_table(results, console.width))
            console.print(f"report: {write_report(folder, results)}", soft_wrap=True)
    except DpmFlowerError as err:
        print(f"dpm-flower: {err}", file=sys.stderr)
        return 1
    return 0
