"""Cells -> rows of the result table: one per arm and entity, and one per arm for the mean over entities.

Accuracies are in percent, SSIM is sign-aware and in [-1, 1], costs are in bytes and seconds per entity.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dpm_flower.core.study import Study
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.cells import Cell, arms_of, receivers_of
from dpm_flower.studies.facts import TestSet

Pick: TypeAlias = Callable[[Cell], float | None]

MEAN = "mean of entities"  # heads the mean row; an entity's name has no space, so it cannot be mistaken for one


@dataclass(frozen=True, slots=True)
class Missing:
    """Seeds for which figures are missing, and why."""

    seeds: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: mean and sample standard deviation over seeds of each figure, None where no seed has it.

    `trivial` is the accuracy in percent of always naming the most frequent class of these test images.
    """

    arm: str
    entity: str
    top1: Spread | None
    top1_z: Spread | None
    top1_p: Spread | None
    ssim_z: Spread | None
    ssim_p: Spread | None
    bytes_sent: Spread | None
    seconds: Spread | None
    test_images: int | None  # per entity; None where unknown, or where the entities' numbers differ
    trivial: float | None
    missing: tuple[Missing, ...]

    @property
    def reason(self) -> str:
        """Everything that is missing in this row, on one line; empty where nothing is."""
        return "; ".join(f"{named_seeds(missing.seeds)}: {missing.reason}" for missing in self.missing)


def named_seeds(seeds: Sequence[int]) -> str:
    """(0, 1) -> "seeds 0, 1"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def rows_of(study: Study, cells: Iterable[Cell], tests: Mapping[str, TestSet]) -> tuple[Row, ...]:
    """The cells of a study -> its rows: arms in their order, in each arm the entities and then their mean."""
    found = {(cell.seed, cell.arm, cell.entity): cell for cell in cells}
    rows: list[Row] = []
    for arm in arms_of(study):
        entities = [name for name in study.partition.names if any((seed, arm, name) in found for seed in study.seeds)]
        grid = {name: [found.get((seed, arm, name)) for seed in study.seeds] for name in entities}
        rows += [_entity_row(arm, name, grid[name], tests.get(name)) for name in entities]
        rows.append(_mean_row(study, arm, grid, tests))
    return tuple(rows)


def _entity_row(arm: str, entity: str, cells: Sequence[Cell | None], test: TestSet | None) -> Row:
    there = [cell for cell in cells if cell is not None]

    def over_seeds(pick: Pick, scale: float) -> Spread | None:
        return _spread([scale * value for cell in there if (value := pick(cell)) is not None])

    return _row(
        arm,
        entity,
        over_seeds,
        test_images=test.images if test else None,
        trivial=100 * test.trivial if test else None,
        missing=_grouped((cell.seed, cell.reason) for cell in there if cell.reason),
    )


def _mean_row(study: Study, arm: str, grid: Mapping[str, Sequence[Cell | None]], tests: Mapping[str, TestSet]) -> Row:
    """Means over entities, one per seed, then their spread. A seed in which an entity lacks the figure has no mean: a mean
    over other entities would not compare with the other arms."""
    receivers = receivers_of(study, arm)

    def over_seeds(pick: Pick, scale: float) -> Spread | None:
        figures = {name: [pick(cell) if cell else None for cell in cells] for name, cells in grid.items()}
        wanted = receivers if pick is top1 else [name for name, values in figures.items() if any(value is not None for value in values)]
        means = []
        for position in range(len(study.seeds)):
            values = [value for name in wanted if (value := figures[name][position]) is not None]
            if values and len(values) == len(wanted):
                means.append(scale * sum(values) / len(values))
        return _spread(means)

    lacking = [
        (seed, f"no top-1 of {', '.join(names)}, so no mean")
        for position, seed in enumerate(study.seeds)
        if (names := [name for name in receivers if (cell := grid[name][position]) is None or top1(cell) is None])
    ]
    known = [tests[name] for name in receivers if name in tests]
    images = {test.images for test in known}
    return _row(
        arm,
        MEAN,
        over_seeds,
        test_images=images.pop() if len(images) == 1 and len(known) == len(receivers) else None,
        trivial=100 * sum(test.trivial for test in known) / len(known) if len(known) == len(receivers) else None,
        missing=_grouped(lacking),
    )


def top1(cell: Cell) -> float | None:
    """A cell -> the refined decider's share of right answers."""
    return cell.quality.get("top1")


def _row(
    arm: str,
    entity: str,
    over_seeds: Callable[[Pick, float], Spread | None],
    *,
    test_images: int | None,
    trivial: float | None,
    missing: tuple[Missing, ...],
) -> Row:
    return Row(
        arm=arm,
        entity=entity,
        top1=over_seeds(top1, 100.0),
        top1_z=over_seeds(lambda cell: cell.quality.get("top1_z"), 100.0),
        top1_p=over_seeds(lambda cell: cell.quality.get("top1_p"), 100.0),
        ssim_z=over_seeds(lambda cell: cell.quality.get("ssim_z"), 1.0),
        ssim_p=over_seeds(lambda cell: cell.quality.get("ssim_p"), 1.0),
        bytes_sent=over_seeds(lambda cell: cell.costs.get("bytes_sent"), 1.0),
        seconds=over_seeds(lambda cell: cell.costs.get("seconds"), 1.0),
        test_images=test_images,
        trivial=trivial,
        missing=missing,
    )


def _spread(values: Sequence[float]) -> Spread | None:
    return spread(values) if values else None


def _grouped(reasons: Iterable[tuple[int, str]]) -> tuple[Missing, ...]:
    """(seed, reason) pairs -> each reason once, with its seeds."""
    seeds: defaultdict[str, list[int]] = defaultdict(list)
    for seed, reason in reasons:
        seeds[reason].append(seed)
    return tuple(Missing(tuple(group), reason) for reason, group in seeds.items())
