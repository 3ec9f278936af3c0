"""One sweep: its name and overrides -> every variant's run in a folder of its own, and the table of all of them."""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dpm_flower.apps.study_run import Order, Runner, check, made, run_into
from dpm_flower.core.alone import alone_in
from dpm_flower.core.data_name import paths_in, placeholders
from dpm_flower.core.errors import DpmFlowerError, StudyError
from dpm_flower.core.study import Study
from dpm_flower.core.sweep import Sweep
from dpm_flower.federation.opening import SWEEP_NAME
from dpm_flower.studies.finished import finished_results
from dpm_flower.studies.sweep_files import write_sweep
from dpm_flower.studies.sweep_results import SweepResults, Variant, sweep_results, variant_of


@dataclass(frozen=True, slots=True)
class SweepOrder:
    """A sweep and what was typed: its name ("package.module:NAME"), the data and the seeds instead of the variants' own.

    Where any variant's data holds placeholders, `data` is a list of paths with commas, and only those variants take from it;
    otherwise it is one path or name, for all of them.
    Raises StudyError for more paths than placeholders, or where every variant lacks one.
    """

    sweep: Sweep
    name: str
    data: str
    seeds: str

    def __post_init__(self) -> None:
        if self.sweep.takes_paths:
            taken = 1 + max(number for _, study in self.sweep.variants for number in placeholders(study.data))
            if len(paths_in(self.data)) > taken:
                raise StudyError(
                    f"sweep {self.sweep.name!r} takes {taken} paths of data at most, got {len(paths_in(self.data))}: {self.data}"
                )
        if all(self.lacks_path(study) for _, study in self.sweep.variants):
            raise StudyError(f"no variant of sweep {self.sweep.name!r} brings data of its own: give it with --data")

    def lacks_path(self, study: Study) -> bool:
        """Whether a variant waits for a path that was not given."""
        return any(number >= len(paths_in(self.data)) for number in placeholders(study.data))

    def variant(self, label: str) -> Order:
        """The order of one variant, which can be given by itself as well. Raises DpmFlowerError."""
        takes = bool(placeholders(self.sweep.study(label).data)) or not self.sweep.takes_paths
        name = self.name if ":" in self.name else f"{self.name}:{SWEEP_NAME}"
        return Order.of(f"{name}/{label}", self.data if takes else "", self.seeds)


def run_sweep(folder: Path, order: SweepOrder, runner: Runner, console: Console) -> SweepResults:
    """An absolute folder, which is made, and an order -> what its variants came to, also written there after each of them.

    A variant that fails costs its own row only. Raises OutputError where the folder cannot be written, StudyError where another
    run is at work in it.
    """
    made(folder)
    with alone_in(folder):
        found: dict[str, Variant] = {}
        for variant in _outcomes(folder, order, runner, console):
            found[variant.label] = variant
            if variant.reason:
                console.print(f"{variant.label}: {variant.reason}", soft_wrap=True, markup=False)
            write_sweep(folder, sweep_results(order.sweep, found))
        return sweep_results(order.sweep, found)


def _outcomes(folder: Path, order: SweepOrder, runner: Runner, console: Console) -> Iterator[Variant]:
    """First whatever can be told before hours of training: variants that are left out or refused; then the runs, in their order."""
    ready: list[tuple[str, Order]] = []
    for label, study in order.sweep.variants:
        if order.lacks_path(study):
            yield Variant(label=label, reason=f"left out: nothing was given for its data {study.data!r}")
            continue
        try:
            ordered = order.variant(label)
            check(ordered.study)
            ready.append((label, ordered))
        except DpmFlowerError as err:
            yield Variant(label=label, reason=str(err), failed=True)
    for label, ordered in ready:
        place = order.sweep.labels.index(label) + 1
        console.print(f"variant {place} of {len(order.sweep.variants)}: {label}, into {folder / label}", soft_wrap=True, markup=False)
        yield _variant(label, folder / label, ordered, runner, console)


def _variant(label: str, folder: Path, order: Order, runner: Runner, console: Console) -> Variant:
    """One variant, read where it was finished before, run or continued otherwise."""
    try:
        results = finished_results(folder, order.study)
        if results is None:
            results = run_into(folder, order, runner, console)
        return variant_of(label, results)
    except DpmFlowerError as err:
        return Variant(label=label, reason=str(err), failed=True)
    except Exception as err:  # a mistake in this package or too little memory: the other variants may still come to something
        traceback.print_exc()
        return Variant(label=label, reason=f"{type(err).__name__}: {err}", failed=True)
