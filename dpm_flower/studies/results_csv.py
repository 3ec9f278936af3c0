"""Results -> comma-separated text, one line per seed, arm and entity; quality stands before cost.

Floats are printed so that reading them back gives the same float. Figures that are missing are empty, with the reason beside.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.studies.cells import Cell

DECIDERS = ("top1", "top5", "validation_top1", "validation_top5")  # shares in [0, 1]
# of a release: shares in [0, 1], likeness in [-1, 1] (structure in [0, 1]), L1 in [0, 0.5], PSNR in dB
ALIKE = ("ssim", "windowed_ssim", "structure", "edge", "perceptual")
RELEASES = tuple(f"{name}_{of}" for name in ("top1", "top5", *ALIKE, "l1", "psnr") for of in ("z", "p"))
HEADLINE = tuple(f"headline_p{of}{end}" for of in ("", "_p95") for end in ("", "_low", "_high", "_chance"))  # fractions, unclipped
QUALITY = DECIDERS + RELEASES + tuple(f"{name}_{of}_p95" for name in ALIKE for of in ("z", "p")) + HEADLINE
COSTS = ("bytes_sent", "bytes_fetched", "seconds")  # of this entity


def quality_csv(cells: Sequence[Cell]) -> str:
    """Cells in the study's order -> what must be the same for the same seeds, byte for byte: quality without costs."""
    return _text(cells, with_costs=False)


def results_csv(cells: Sequence[Cell]) -> str:
    """Cells in the study's order -> quality, then costs under names that begin with ``cost_``."""
    return _text(cells, with_costs=True)


def _text(cells: Sequence[Cell], *, with_costs: bool) -> str:
    quality = _columns(QUALITY, (name for cell in cells for name in cell.quality))
    costs = _columns(COSTS, (name for cell in cells for name in cell.costs)) if with_costs else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", "arm", "entity", *quality, "reason", *(COST_PREFIX + name for name in costs)])
    for cell in cells:
        figures = [_printed(cell.quality.get(name)) for name in quality]
        writer.writerow([cell.seed, cell.arm, cell.entity, *figures, cell.reason, *(_printed(cell.costs.get(name)) for name in costs)])
    return text.getvalue()


def _columns(known: Sequence[str], seen: Iterable[str]) -> list[str]:
    """The known columns, whether seen or not, then the others by name: the same header whatever came first."""
    return [*known, *sorted(set(seen) - set(known))]


def _printed(value: float | None) -> str:
    return "" if value is None else repr(value)
