"""Results -> the files of a run, and back: results.json holds everything, the .csv files one line per cell or round."""

from pathlib import Path

from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.curves_csv import curves_csv
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_csv import quality_csv, results_csv

FORMAT = JsonFormat(Results, "dpm-flower results 2", "the results of a run")
JSON_NAME = "results.json"


def write_results(folder: Path, results: Results) -> tuple[Path, ...]:
    """A run's folder -> the files written there: results.json, results.csv, quality.csv, curves.csv.

    Raises OutputError where one cannot be written; each file is there whole or not at all.
    """
    texts = {
        JSON_NAME: FORMAT.text(results),
        "results.csv": results_csv(results.cells),
        "quality.csv": quality_csv(results.cells),
        "curves.csv": curves_csv(results.cells),
    }
    return tuple(write_atomically(folder / name, text.encode()) for name, text in texts.items())


def read_results(folder: Path) -> Results:
    """A run's folder -> the results that were written there. Raises StudyError where there are none, or others."""
    return FORMAT.read(folder / JSON_NAME)
