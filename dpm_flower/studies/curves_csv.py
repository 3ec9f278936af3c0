"""Results -> comma-separated text of all rounds, one line per seed, arm, entity and round; quality stands before cost.

Quality is the same for the same seeds, byte for byte; costs, under names that begin with ``cost_``, belong to the run. Quality is
empty where this entity was not asked to evaluate the round.
"""

import csv
import io
from collections.abc import Sequence

from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.studies.cells import Cell

QUALITY = ("top1", "validation_top1")  # shares in [0, 1]
COSTS = ("bytes_sent", "bytes_fetched", "seconds")  # of this entity, from the beginning of the arm to the end of the round


def curves_csv(cells: Sequence[Cell]) -> str:
    """Cells in the study's order -> their rounds, floats so that reading them back gives the same float."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", "arm", "entity", "round", *QUALITY, *(COST_PREFIX + name for name in COSTS)])
    for cell in cells:
        for each in cell.rounds:
            figures = [_printed(each.quality.get(name)) for name in QUALITY] + [_printed(each.costs.get(name)) for name in COSTS]
            writer.writerow([cell.seed, cell.arm, cell.entity, each.number, *figures])
    return text.getvalue()


def _printed(value: float | None) -> str:
    return "" if value is None else repr(value)
