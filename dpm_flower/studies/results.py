"""Everything that a run came to, as one value: settings, facts, cells, rows and gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpm_flower.core.outcome import Outcome
from dpm_flower.core.study import Study
from dpm_flower.studies.cells import Cell, arms_of, cells_of
from dpm_flower.studies.facts import Facts
from dpm_flower.studies.gains import ArmGain, gains_of
from dpm_flower.studies.rows import Row, rows_of
from dpm_flower.studies.settings import Json, settings_of
from dpm_flower.studies.traffic import with_fetched
from dpm_flower.studies.tuning import Tuning, tunings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What tables, files and the report are made from; holds no tensor, so that it can be written and read back whole."""

    study: str  # its name
    seeds: tuple[int, ...]
    entities: tuple[str, ...]
    arms: tuple[str, ...]  # as received first, then the study's own
    columns: tuple[str, ...]  # the figures of the table; none means the usual ones
    settings: Mapping[str, Json]
    facts: Facts
    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]
    gains: tuple[ArmGain, ...]
    tunings: tuple[Tuning, ...] = ()

    def gain(self, arm: str) -> ArmGain | None:
        """The gain kept of that arm; None for an arm that is itself a reference."""
        return next((gain for gain in self.gains if gain.arm == arm), None)


def results_settings(study: Study) -> Mapping[str, Json]:
    """A study -> its settings as results keep them."""
    settings = settings_of(study)
    return settings if isinstance(settings, dict) else {}


def results_of(study: Study, outcomes: Sequence[Outcome], facts: Facts) -> Results:
    """Outcomes in any order, with the facts of the run -> its results.

    Raises StudyError for an outcome that is not one of the study's cells, or one that comes twice.
    """
    cells = with_fetched(study, cells_of(study, outcomes))
    return Results(
        study=study.name,
        seeds=study.seeds,
        entities=study.partition.names,
        arms=arms_of(study),
        columns=study.columns,
        settings=results_settings(study),
        facts=facts,
        cells=cells,
        rows=rows_of(study, cells, facts.tests),
        gains=gains_of(study, outcomes),
        tunings=tunings_of(study, cells),
    )
