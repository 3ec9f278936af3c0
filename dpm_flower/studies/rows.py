"""Cells -> rows of the result table: one per arm and entity, and one per arm for the mean over entities.

Figures keep the keys and units of the outcomes, costs after "cost_": shares in [0, 1], SSIM in [-1, 1], bytes and seconds per entity.
Whoever only sends costs something else than who receives: "cost_sender_seconds", "cost_sender_memory_bytes".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.core.figures import COST_PREFIX, FIGURES
from dpm_flower.core.study import Study
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.cells import NO_RECEIVER, Cell, arms_of, receivers_of, releasers_of
from dpm_flower.studies.facts import TestSet

Grid: TypeAlias = Mapping[str, Sequence[Cell | None]]  # entity -> its cells, one place per seed

MEAN = "mean of entities"  # heads the mean row; an entity's name has no space, so it cannot be mistaken for one
OF_DECIDER = frozenset(key for figure in FIGURES.values() if figure.of_decider for key in figure.keys)
UPLOADED = COST_PREFIX + "bytes_sent"
OF_RECEIVER = frozenset(COST_PREFIX + key for key in ("seconds", "cpu_seconds", "memory_bytes", "bytes_fetched"))
# receivers send as well, and what both cost together is no sender's cost
OF_SENDER = {COST_PREFIX + key: f"{COST_PREFIX}sender_{key}" for key in ("seconds", "cpu_seconds", "memory_bytes")}


@dataclass(frozen=True, slots=True)
class Missing:
    """Seeds for which figures are missing, and why."""

    seeds: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: mean and sample standard deviation over seeds of each figure by its key; a figure that no seed has is left out.

    `trivial` is the share of test images in the most frequent class, which always naming that class would get right. `trained`
    is False in an arm in which releases are judged and nobody trains on them.
    """

    arm: str
    entity: str
    figures: Mapping[str, Spread]
    test_images: int | None  # per entity; None where unknown, or where the entities' numbers differ
    trivial: float | None
    missing: tuple[Missing, ...]
    trained: bool = True

    @property
    def reason(self) -> str:
        """Everything that is missing in this row, on one line; empty where nothing is."""
        return "; ".join(f"{named_seeds(missing.seeds)}: {missing.reason}" for missing in self.missing)

    def figure(self, key: str, scale: float = 1.0) -> Spread | None:
        """A key of a figure -> its spread, times `scale`; None where no seed has it."""
        found = self.figures.get(key)
        if found is None:
            return None
        return Spread(scale * found.mean, None if found.deviation is None else scale * found.deviation, found.count)


def named_seeds(seeds: Sequence[int]) -> str:
    """(0, 1) -> "seeds 0, 1"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def rows_of(study: Study, cells: Iterable[Cell], tests: Mapping[str, TestSet]) -> tuple[Row, ...]:
    """The cells of a study -> its rows: arms in their order, in each arm the receivers and then the mean.

    Releases of entities that only send count in the mean. An arm with one receiver has one row, which bears the receiver's name:
    the receiver's decider, and the mean of the releases that were made for it. Where nobody trains, those who release stand in
    the receivers' place.
    """
    found = {(cell.seed, cell.arm, cell.entity): cell for cell in cells}
    rows: list[Row] = []
    for arm in arms_of(study):
        names = [name for name in study.partition.names if any((seed, arm, name) in found for seed in study.seeds)]
        grid: Grid = {name: [found.get((seed, arm, name)) for seed in study.seeds] for name in names}
        receivers = receivers_of(study, arm)
        shown = receivers or releasers_of(study, arm)
        if len(shown) == 1:
            of_arm = [_only_row(study, arm, shown[0], grid, tests)]
        else:
            of_arm = [_entity_row(arm, name, grid[name], tests.get(name)) for name in shown]
            of_arm.append(_mean_row(study, arm, grid, tests))
        rows += [replace(row, trained=bool(receivers)) for row in of_arm]
    return tuple(rows)


def summaries(rows: Iterable[Row]) -> Mapping[str, Row]:
    """Rows -> by arm, the one that stands for the whole arm: the mean, or the only one."""
    return {row.arm: row for row in rows}  # the mean is the last of its arm


def _entity_row(arm: str, entity: str, cells: Sequence[Cell | None], test: TestSet | None) -> Row:
    there = [cell for cell in cells if cell is not None]
    return Row(
        arm=arm,
        entity=entity,
        figures=_spreads([_figures(cell) for cell in there]),
        test_images=test.images if test else None,
        trivial=test.trivial if test else None,
        missing=_grouped((cell.seed, cell.reason) for cell in there if cell.reason),
    )


def _only_row(study: Study, arm: str, entity: str, grid: Grid, tests: Mapping[str, TestSet]) -> Row:
    """What a decider is worth and what a receiver costs are the entity's own; figures of releases and uploads are means over who sends."""
    own = _entity_row(arm, entity, grid[entity], tests.get(entity))
    means = _spreads(_means(study, arm, grid))
    personal = OF_DECIDER | OF_RECEIVER
    figures = {key: value for key, value in own.figures.items() if key in personal}
    others = [
        (cell.seed, f"{name}: {cell.reason}")
        for name, cells in grid.items()
        for cell in cells
        if name != entity and cell is not None and cell.reason not in ("", NO_RECEIVER)
    ]
    return replace(
        own, figures={key: value for key, value in means.items() if key not in personal} | figures, missing=own.missing + _grouped(others)
    )


def _mean_row(study: Study, arm: str, grid: Grid, tests: Mapping[str, TestSet]) -> Row:
    """Means over entities, one per seed, then their spread."""
    receivers = receivers_of(study, arm)
    lacking = [
        (seed, f"no top-1 of {', '.join(names)}, so no mean")
        for position, seed in enumerate(study.seeds)
        if (names := [name for name in receivers if (cell := grid[name][position]) is None or "top1" not in cell.quality])
    ]
    tested = receivers or releasers_of(study, arm)
    known = [tests[name] for name in tested if name in tests]
    complete = bool(known) and len(known) == len(tested)
    images = {test.images for test in known}
    return Row(
        arm=arm,
        entity=MEAN,
        figures=_spreads(_means(study, arm, grid)),
        test_images=images.pop() if complete and len(images) == 1 else None,
        trivial=sum(test.trivial for test in known) / len(known) if complete else None,
        missing=_grouped(lacking),
    )


def _means(study: Study, arm: str, grid: Grid) -> list[dict[str, float]]:
    """Cells by entity and seed -> for each seed the means over entities.

    A seed in which an entity lacks a figure has no mean of it: a mean over other entities would not compare with the other
    arms. Of a decider all receivers must have figures, of the rest those who have any: of uploads among all who upload.
    """
    receivers, uploaders = receivers_of(study, arm), _uploaders_of(study, arm)
    figures = {
        name: [_figures(cell, mere_sender=bool(receivers) and name not in receivers) if cell else {} for cell in cells]
        for name, cells in grid.items()
    }
    keys = dict.fromkeys(key for cells in figures.values() for cell in cells for key in cell)
    means: list[dict[str, float]] = [{} for _ in study.seeds]
    for key in keys:
        having = [name for name, cells in figures.items() if any(key in cell for cell in cells)]
        wanted = receivers if key in OF_DECIDER else [name for name in having if key != UPLOADED or name in uploaders]
        for position, mean in enumerate(means):
            values = [figures[name][position][key] for name in wanted if key in figures[name][position]]
            if values and len(values) == len(wanted):
                mean[key] = sum(values) / len(values)
    return means


def _uploaders_of(study: Study, arm: str) -> tuple[str, ...]:
    """Who releases something in this arm, or sends updates; in an arm in which nobody does, everybody sends nothing."""
    chosen = study.arm(arm) if arm != RECEIVED else None
    if not isinstance(chosen, SharingArm):
        return study.partition.names
    updating = receivers_of(study, arm) if chosen.refine == "shared" else ()
    return tuple(name for name in study.partition.names if chosen.sends(name) or name in updating)


def _figures(cell: Cell, *, mere_sender: bool = False) -> dict[str, float]:
    costs = {COST_PREFIX + key: value for key, value in cell.costs.items()}
    return {**cell.quality, **({OF_SENDER.get(key, key): value for key, value in costs.items()} if mere_sender else costs)}


def _spreads(by_seed: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Figures of each seed -> the spread of each key over the seeds that have it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for figures in by_seed:
        for key, value in figures.items():
            values[key].append(value)
    return {key: spread(found) for key, found in values.items()}


def _grouped(reasons: Iterable[tuple[int, str]]) -> tuple[Missing, ...]:
    """(seed, reason) pairs -> each reason once, with its seeds."""
    seeds: defaultdict[str, list[int]] = defaultdict(list)
    for seed, reason in reasons:
        seeds[reason].append(seed)
    return tuple(Missing(tuple(group), reason) for reason, group in seeds.items())
