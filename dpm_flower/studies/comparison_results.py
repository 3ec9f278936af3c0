"""What a comparison came to, as one value: a cell for each trial and seed, figures or the reason why there are none."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dpm_flower.core.comparison import ComparedFigure, Comparison
from dpm_flower.core.errors import DpmFlowerError
from dpm_flower.metrics.spread import Spread, spread
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.studies.settings import flattened, settings_of

WAITING = "has not been run yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCell:
    """One trial under one seed; `seconds` by the clock and `cpu_seconds` of processors are what it took. No figures: `reason` says why."""

    seed: int
    figures: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    reason: str = ""
    code: str = ""  # digest of the package's files that ran it


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTrial:
    """One row: the trial's name, its knobs in words, and a cell for each seed in the comparison's order."""

    name: str
    settings: tuple[tuple[str, str], ...]
    cells: tuple[ComparedCell, ...]

    def figure(self, key: str, scale: float = 1.0) -> Spread | None:
        """A figure over the seeds that have it, times `scale`; None where none has."""
        values = [cell.figures[key] * scale for cell in self.cells if key in cell.figures]
        return spread(values) if values else None

    @property
    def missing(self) -> str:
        """Why cells have no figures, each reason once with its seeds; empty where all have."""
        reasons = dict.fromkeys(cell.reason for cell in self.cells if cell.reason)
        told = {reason: ", ".join(str(cell.seed) for cell in self.cells if cell.reason == reason) for reason in reasons}
        return "; ".join(f"seed {seeds}: {reason}" for reason, seeds in told.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResults:
    """What a comparison's table, files and page are made from; holds no tensor."""

    comparison: str  # its name
    data: str
    seeds: tuple[int, ...]
    columns: tuple[ComparedFigure, ...]
    trials: tuple[ComparedTrial, ...]
    conclusions: tuple[str, ...]
    chart: tuple[str, str] | None
    machine: Mapping[str, str]
    command: str  # what makes the same run again

    @property
    def failed(self) -> tuple[str, ...]:
        """The trials that lack a cell's figures for another reason than that it has not been run."""
        return tuple(trial.name for trial in self.trials if any(cell.reason not in ("", WAITING) for cell in trial.cells))


FORMAT = JsonFormat(ComparisonResults, "dpm-flower comparison 1", "the results of a comparison")


def comparison_results(
    comparison: Comparison, data: str, found: Mapping[tuple[str, int], ComparedCell], machine: Mapping[str, str], command: str
) -> ComparisonResults:
    """A comparison and the cells that have been run so far, by trial and seed -> its results, in which the others wait."""
    trials = tuple(
        ComparedTrial(
            name=trial.name,
            settings=tuple(flattened(settings_of(trial))),
            cells=tuple(found.get((trial.name, seed), ComparedCell(seed=seed, reason=WAITING)) for seed in comparison.seeds),
        )
        for trial in comparison.trials
    )
    return ComparisonResults(
        comparison=comparison.name,
        data=data,
        seeds=comparison.seeds,
        columns=comparison.columns,
        trials=trials,
        conclusions=(*_conclusions(comparison, trials), *_several_revisions(trials)),
        chart=comparison.chart,
        machine=machine,
        command=command,
    )


def _several_revisions(trials: tuple[ComparedTrial, ...]) -> tuple[str, ...]:
    """Whether cells that were kept were run by other files of this package than the others."""
    by_code = Counter(cell.code for trial in trials for cell in trial.cells if cell.code)
    if len(by_code) < 2:
        return ()
    return (f"Cells of {len(by_code)} revisions of this package stand in this table; comparison.json tells which are whose.",)


def _conclusions(comparison: Comparison, trials: tuple[ComparedTrial, ...]) -> tuple[str, ...]:
    """What is computed across trials; a sentence that cannot be computed yet costs no run its figures."""
    if comparison.conclude is None:
        return ()
    try:
        return comparison.conclude({(trial.name, cell.seed): cell.figures for trial in trials for cell in trial.cells if cell.figures})
    except (DpmFlowerError, KeyError, ZeroDivisionError) as err:
        return (f"What is computed across trials cannot be computed from these: {type(err).__name__}: {err}",)
