"""The cells of a comparison, one after the other: run once each, kept whole, read where they were run before."""

import functools
import hashlib
import resource
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

import dpm_flower
from dpm_flower.core.allocator import keep_freed_memory
from dpm_flower.core.comparison import Comparison, Found, Ground, Trial
from dpm_flower.core.compute import Compute, torch_threads
from dpm_flower.core.errors import DataError, DpmFlowerError, MetricError, StudyError
from dpm_flower.core.progress import Report
from dpm_flower.core.whole_file import whole_file
from dpm_flower.data.file_tree import state_of
from dpm_flower.data.source_name import DIGITS, SourceName
from dpm_flower.studies.comparison_results import ComparedCell
from dpm_flower.studies.formatted_json import JsonFormat
from dpm_flower.training.checkpoint import write_tensors

FORMAT = JsonFormat(ComparedCell, "dpm-flower comparison cell 1", "one cell of a comparison")
CELL_NAME, PICTURES_NAME = "cell.json", "pictures.safetensors"
PACKAGES = ("dpm-flower", "torch", "torchvision", "pillow", "scikit-learn")
COMMON = "common"  # the folder of what trials under one seed build on
CELLS = "cells"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a comparison's cells are run: its data as named, its folder, how to compute, and who is told.

    `circumstances` are what every cell depends on beside its trial: the data (the content of an archive, names, sizes and times of
    other files), how is computed, and the versions of packages. What this package's own files say is no part of them: a cell that was
    run by others than today's says so in the table.
    """

    comparison: Comparison
    folder: Path
    compute: Compute
    report: Report
    circumstances: str

    @classmethod
    def of(cls, comparison: Comparison, folder: Path, report: Report) -> "Bench":
        """A comparison with its data, where its cells lie, and who is told. Raises SettingError for a device that is not there."""
        compute = Compute.choose(comparison.device, comparison.precision)
        data, versions = _state_of_data(comparison.data), map(version, PACKAGES)
        return cls(comparison, folder, compute, report, "\x1f".join((data, str(compute), str(comparison.threads), *versions)))

    def place(self, *named: str) -> Path:
        """What a folder is made for, under these circumstances -> the folder."""
        text = "\x1f".join((self.circumstances, *named))
        return self.folder / CELLS / hashlib.sha256(text.encode()).hexdigest()[:24]

    def cell(self, trial: Trial, seed: int) -> Path:
        """The folder of one cell."""
        return self.place(repr(trial), str(seed))


def _state_of_data(data: str) -> str:
    """What names the data -> the same with what tells whether their files have changed; what names no source is its name."""
    try:
        source = SourceName.parse(data)
        states = [_state_of_source(each, data) for each in (source, source.public) if each is not None]
        return "\x1f".join(states)
    except (DataError, OSError):  # the trial refuses it, and says why
        return data


def _state_of_source(source: SourceName, data: str) -> str:
    if source.kind == DIGITS:
        return data
    if not source.path.is_file():
        return f"{data}\x1f{state_of(source.path)}"
    with source.path.open("rb") as file:
        return f"{data.partition('?')[2]}\x1f{hashlib.file_digest(file, 'sha256').hexdigest()}"


@functools.cache
def code_digest() -> str:
    """SHA-256 of this package's own files, in hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(Path(dpm_flower.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def cells_in_turn(bench: Bench) -> Iterator[tuple[Trial, ComparedCell]]:
    """A bench -> each of its cells as soon as it has figures or a reason for having none, seed after seed.

    A trial that fails costs its own cell only; it is tried again the next time.
    """
    for seed in bench.comparison.seeds:
        for trial in bench.comparison.trials:
            yield trial, _cell(bench, trial, seed)


def kept_cell(bench: Bench, trial: Trial, seed: int) -> ComparedCell | None:
    """The figures of a cell that was run before; None where it was not, or its file is damaged."""
    try:
        return FORMAT.read(bench.cell(trial, seed) / CELL_NAME)
    except StudyError:
        return None


def pictures_of(bench: Bench) -> dict[str, dict[str, Tensor]]:
    """By trial the rows of pictures that its first seed left, in its own order; a file that is damaged costs its pictures only."""
    found = {}
    for trial in bench.comparison.trials:
        if kept_cell(bench, trial, bench.comparison.seeds[0]) is None:
            continue  # what a killed run left of it
        try:
            with safe_open(bench.cell(trial, bench.comparison.seeds[0]) / PICTURES_NAME, framework="pt") as file:
                found[trial.name] = {name: file.get_tensor(name) for name in file.metadata()["order"].split("\x1f")}
        except (OSError, SafetensorError, KeyError):
            continue
    return found


def _cell(bench: Bench, trial: Trial, seed: int) -> ComparedCell:
    if (kept := kept_cell(bench, trial, seed)) is not None:
        return kept
    folder, common = bench.cell(trial, seed), bench.place(COMMON, str(seed))
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    try:
        for place in (folder, common):
            place.mkdir(0o700, parents=True, exist_ok=True)
        keep_freed_memory()
        with torch_threads(bench.comparison.threads):
            found = trial.run(Ground(bench.comparison.data, seed, folder, common, bench.compute, bench.report))
        _check(found)
    except DpmFlowerError as err:
        return ComparedCell(seed=seed, reason=str(err))
    except Exception as err:  # a mistake in a trial or too little memory: the others may still come to something
        traceback.print_exc()
        return ComparedCell(seed=seed, reason=f"{type(err).__name__}: {err}")
    cell = ComparedCell(
        seed=seed,
        figures={key: float(value) for key, value in found.figures.items()},
        curves={name: tuple((float(x), float(y)) for x, y in points) for name, points in found.curves.items()},
        seconds=time.perf_counter() - began,
        cpu_seconds=_cpu_seconds() - cpu_began,
        code=code_digest(),
    )
    if found.pictures:
        write_tensors(folder / PICTURES_NAME, dict(found.pictures), {"order": "\x1f".join(found.pictures)})
    with whole_file(folder / CELL_NAME) as partial:  # the last: a cell that has it is whole
        partial.write_text(FORMAT.text(cell), encoding="utf-8")
    return cell


def _check(found: Found) -> None:
    """Raises MetricError for figures that are not finite and for pictures that are none."""
    strange = {key: value for key, value in found.figures.items() if not torch.isfinite(torch.tensor(float(value)))}
    if strange or not found.figures:
        raise MetricError(f"wanted at least one figure, all finite, got {strange or 'none'}")
    _check_pictures(found.pictures)


def _check_pictures(pictures: Mapping[str, Tensor]) -> None:
    for name, images in pictures.items():
        if images.ndim != 4 or not len(images) or not images.is_floating_point():
            raise MetricError(f"wanted the pictures {name!r} as floats (N,C,H,W), got {images.dtype} {tuple(images.shape)}")


def _cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(
        used.ru_utime + used.ru_stime for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
