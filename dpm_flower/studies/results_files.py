"""Results -> the files of a run, and back: results.json holds everything, the .csv files one line per cell or round."""

import json
from dataclasses import asdict
from pathlib import Path

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.curves_csv import curves_csv
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_csv import quality_csv, results_csv
from dpm_flower.studies.typed_json import built

FORMAT = "dpm-flower results 2"  # a reader refuses what it does not know
JSON_NAME = "results.json"


def results_text(results: Results) -> str:
    """Results -> JSON text that `results_from_text` turns into equal results."""
    return json.dumps({"format": FORMAT} | asdict(results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def results_from_text(text: str, where: str = JSON_NAME) -> Results:
    """The text of a results.json -> its results. Raises StudyError, naming `where`, for anything else."""
    try:
        plain = json.loads(text)
    except ValueError as err:
        raise StudyError(f"{where} is not JSON: {err}") from err
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise StudyError(f'{where} does not say that its format is "{FORMAT}"')
    return built(Results, plain, where)


def write_results(folder: Path, results: Results) -> tuple[Path, ...]:
    """A run's folder -> the files written there: results.json, results.csv, quality.csv, curves.csv.

    Raises OutputError where one cannot be written; each file is there whole or not at all.
    """
    texts = {
        JSON_NAME: results_text(results),
        "results.csv": results_csv(results.cells),
        "quality.csv": quality_csv(results.cells),
        "curves.csv": curves_csv(results.cells),
    }
    return tuple(write_atomically(folder / name, text.encode()) for name, text in texts.items())


def read_results(folder: Path) -> Results:
    """A run's folder -> the results that were written there. Raises StudyError where there are none, or others."""
    path = folder / JSON_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise StudyError(f"wanted the results of a run in {path}, but: {err}") from err
    return results_from_text(text, str(path))
