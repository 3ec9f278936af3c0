"""A comparison's results -> its files, and back: comparison.json, .csv (a line per figure) and .html (for people)."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.comparison_page import comparison_html
from dpm_flower.studies.comparison_results import FORMAT, ComparisonResults

JSON_NAME, CSV_NAME, HTML_NAME = "comparison.json", "comparison.csv", "comparison.html"
HEADER = ("trial", "seed", "figure", "value", "reason")


def comparison_csv(results: ComparisonResults) -> str:
    """A comparison's results -> one line per trial, seed and figure; a cell without figures has one line, with its reason.

    Floats read back as the same floats. What a cell cost stands behind its figures.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for trial in results.trials:
        for cell in trial.cells:
            writer.writerows((trial.name, cell.seed, key, repr(value), "") for key, value in sorted(cell.figures.items()))
            if cell.figures:
                writer.writerow((trial.name, cell.seed, "cost_seconds", repr(cell.seconds), ""))
                writer.writerow((trial.name, cell.seed, "cost_cpu_seconds", repr(cell.cpu_seconds), ""))
            if cell.reason:
                writer.writerow((trial.name, cell.seed, "", "", cell.reason))
    return text.getvalue()


def write_comparison(folder: Path, results: ComparisonResults, pictures: Mapping[str, Mapping[str, Tensor]]) -> Path:
    """A comparison's folder and by trial its pictures -> the path of its page; the other files lie beside it. Raises OutputError."""
    write_atomically(folder / JSON_NAME, FORMAT.text(results).encode())
    write_atomically(folder / CSV_NAME, comparison_csv(results).encode())
    return write_atomically(folder / HTML_NAME, comparison_html(results, pictures).encode())


def read_comparison(folder: Path) -> ComparisonResults:
    """A comparison's folder -> the results that were written there. Raises StudyError where there are none, or others."""
    return FORMAT.read(folder / JSON_NAME)
