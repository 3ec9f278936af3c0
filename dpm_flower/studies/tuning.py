"""Cells -> which settings of federated averaging are best, decided on validation images and never on test images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.study import Study
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.cells import Cell

VALIDATION, TEST = "validation_top1", "top1"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One arm: top-1 on validation and on test images, each the mean over entities and its spread over seeds, shares in [0, 1]."""

    arm: str
    validation: Spread
    test: Spread


@dataclass(frozen=True, slots=True)
class Tuning:
    """Arms that are settings of one method, with what they came to, and the one that the validation images choose."""

    method: str
    candidates: tuple[Candidate, ...]
    chosen: str


def best_on_validation(cells: Iterable[Cell], arms: Sequence[str]) -> str | None:
    """A study's cells and the names of some of its arms -> the one with the best mean validation top-1 over entities and seeds.

    Of equals it is the first. Only arms compete that have the figure in every seed and entity in which any of them has a cell;
    None where none has.
    """
    found = {(cell.arm, cell.seed, cell.entity): cell.quality.get(VALIDATION) for cell in cells if cell.arm in arms}
    places = {(seed, entity) for _, seed, entity in found}
    means: dict[str, float] = {}
    for arm in arms:
        figures = [figure for place in sorted(places) if (figure := found.get((arm, *place))) is not None]
        if figures and len(figures) == len(places):
            means[arm] = fmean(figures)
    return max(means, key=lambda arm: means[arm], default=None)


def tunings_of(study: Study, cells: Sequence[Cell]) -> tuple[Tuning, ...]:
    """A study and its cells -> a choice for each method of federated averaging that the study has several settings of.

    Settings of one method average the same part from the same start, with or without a proximal term.
    """
    return tuple(_tunings(study, cells))


def chosen_arms(tunings: Iterable[Tuning]) -> frozenset[str]:
    """The arms that were chosen."""
    return frozenset(tuning.chosen for tuning in tunings)


def _tunings(study: Study, cells: Sequence[Cell]) -> Iterator[Tuning]:
    methods: dict[str, list[str]] = {}
    for arm in study.arms:
        if isinstance(arm, AveragingArm):
            methods.setdefault(_method(arm), []).append(arm.name)
    for method, arms in methods.items():
        chosen = best_on_validation(cells, arms)
        if len(arms) > 1 and chosen is not None:
            yield Tuning(method, tuple(_candidates(study, cells, arms)), chosen)


def _method(arm: AveragingArm) -> str:
    """An arm -> what is not a matter of settings."""
    whose = "the lead's weights" if arm.start == "lead" else "scratch"
    return f"{'FedProx' if arm.proximal_mu > 0 else 'FedAvg'} of the {arm.part} from {whose}"


def _candidates(study: Study, cells: Sequence[Cell], arms: Sequence[str]) -> Iterator[Candidate]:
    for arm in arms:
        means = {name: _means(study, [cell for cell in cells if cell.arm == arm], name) for name in (VALIDATION, TEST)}
        if means[VALIDATION] and means[TEST]:
            yield Candidate(arm, spread(means[VALIDATION]), spread(means[TEST]))


def _means(study: Study, cells: Sequence[Cell], name: str) -> list[float]:
    """One arm's cells -> for each seed that has the figure of all entities its mean over them."""
    means = []
    for seed in study.seeds:
        there = [cell.quality.get(name) for cell in cells if cell.seed == seed]
        figures = [figure for figure in there if figure is not None]
        if figures and len(figures) == len(there):
            means.append(fmean(figures))
    return means
