"""A sweep's results -> its files, and back: sweep.json holds everything, sweep.csv one line per figure, sweep.html is for people."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.studies.results_csv import QUALITY
from dpm_flower.studies.rows import summaries
from dpm_flower.studies.sweep_report import sweep_html
from dpm_flower.studies.sweep_results import SweepResults, Variant

FORMAT = JsonFormat(SweepResults, "dpm-flower sweep 1", "the results of a sweep")
JSON_NAME, CSV_NAME, HTML_NAME = "sweep.json", "sweep.csv", "sweep.html"
HEADER = ("variant", "arm", "entity", "figure", "mean", "sd", "seeds", "reason")


def sweep_csv(results: SweepResults) -> str:
    """A sweep's results -> one line per variant, arm, entity (also their mean) and figure, in the units of results.csv.

    Whatever is missing has a line without figure, with its reason. Floats read back as the same floats.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for variant in results.variants:
        writer.writerows(_lines(variant))
    return text.getvalue()


def _lines(variant: Variant) -> Iterator[tuple[object, ...]]:
    if variant.reason:
        yield variant.label, "", "", "", "", "", "", variant.reason
    standing, gains = summaries(variant.rows), {gain.arm: gain for gain in variant.gains}
    for row in variant.rows:
        head = variant.label, row.arm, row.entity
        for key in sorted(row.figures, key=_place):
            value = row.figures[key]
            yield *head, key, repr(value.mean), "" if value.deviation is None else repr(value.deviation), value.count, ""
        gain = gains.get(row.arm)
        if gain is not None and row is standing[row.arm]:
            yield *head, "gain_kept", "" if gain.value is None else repr(gain.value), "", len(gain.seeds), gain.reason
        if row.missing:
            yield *head, "", "", "", "", row.reason


def _place(key: str) -> tuple[bool, int, str]:
    """Quality before costs, the known keys in their order before others by name."""
    return key.startswith(COST_PREFIX), QUALITY.index(key) if key in QUALITY else len(QUALITY), key


def write_sweep(folder: Path, results: SweepResults) -> Path:
    """A sweep's folder -> the path of its page; sweep.json and sweep.csv lie beside it. Raises OutputError."""
    write_atomically(folder / JSON_NAME, FORMAT.text(results).encode())
    write_atomically(folder / CSV_NAME, sweep_csv(results).encode())
    return write_atomically(folder / HTML_NAME, sweep_html(results).encode())


def read_sweep(folder: Path) -> SweepResults:
    """A sweep's folder -> the results that were written there. Raises StudyError where there are none, or others."""
    return FORMAT.read(folder / JSON_NAME)
