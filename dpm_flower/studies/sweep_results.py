"""What a sweep came to, as one value: each variant's rows and gains, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass

from dpm_flower.core.sweep import Sweep
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import Row

WAITING = "has not been run yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One variant's part of the table. `reason` is empty where it was run to its end; `failed` tells a failure from being left out."""

    label: str
    rows: tuple[Row, ...] = ()
    gains: tuple[ArmGain, ...] = ()
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResults:
    """What a sweep's table, files and page are made from; holds no tensor."""

    sweep: str  # its name
    columns: tuple[str, ...]
    figure: str  # drawn against the labels
    variants: tuple[Variant, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm of any variant, in the order in which they come first."""
        return tuple(dict.fromkeys(row.arm for variant in self.variants for row in variant.rows))

    @property
    def failed(self) -> tuple[str, ...]:
        """The labels of the variants that failed."""
        return tuple(variant.label for variant in self.variants if variant.failed)


def variant_of(label: str, results: Results) -> Variant:
    """A label and the results of its study -> its part of the sweep."""
    return Variant(label=label, rows=results.rows, gains=results.gains)


def sweep_results(sweep: Sweep, found: Mapping[str, Variant]) -> SweepResults:
    """A sweep and the variants that came to something so far, by label -> its results, in which the others wait."""
    return SweepResults(
        sweep=sweep.name,
        columns=sweep.columns,
        figure=sweep.figure,
        variants=tuple(found.get(label, Variant(label=label, reason=WAITING)) for label in sweep.labels),
    )
