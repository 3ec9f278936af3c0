"""A comparison: systems that are tried on one data set under the same seeds, side by side, without entities that share anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Precision
from dpm_flower.core.progress import Report
from dpm_flower.core.streams import stream
from dpm_flower.core.sweep import LABEL


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a trial is tried on: the data as the user named it, a seed, and where it may keep what it makes.

    `folder` is this trial's own under this seed: checkpoints there let an interrupted one go on. `common` belongs to all trials under
    this seed: what several of them build on is made once there.
    """

    data: str
    seed: int
    folder: Path
    common: Path
    compute: Compute
    report: Report

    def stream(self, *purpose: str) -> torch.Generator:
        """The random stream of this seed for a purpose; trials that name the same purpose draw the same."""
        return stream(self.seed, *purpose)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a trial came to: finite figures by key, and rows of images (N,C,H,W), floats in [0,1], by the name of the row.

    `curves` are figures that depend on another, by name: pairs (x, y) in the order in which they are drawn.
    """

    figures: Mapping[str, float]
    pictures: Mapping[str, Tensor] = field(default_factory=dict)
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


@runtime_checkable
class Trial(Protocol):
    """A frozen dataclass: its fields are its knobs, its name heads its row. Equal reprs are the same trial, which is run once."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    def run(self, ground: Ground) -> Found:
        """Everything from loading the data to the figures; the same ground gives the same figures. Raises DpmFlowerError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """A column of the table: a figure by its key, times `scale`, in `unit`, with `digits` behind the point."""

    key: str
    head: str
    unit: str = ""
    scale: float = 1.0
    digits: int = 2


Figures: TypeAlias = Mapping[tuple[str, int], Mapping[str, float]]  # by trial's name and seed
Conclude: TypeAlias = Callable[[Figures], tuple[str, ...]]  # what is computed across trials, a plain sentence each


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Trials × seeds, each in its own cell. `data` is a known name or a path, empty where the user must give one.

    `threads` is torch's thread count: results depend on it. `chart` are the keys of two figures, drawn against each other, a point
    for each trial; trials that share a word before ": " are one line. `conclude` turns all figures into sentences below the table,
    for what is computed across trials. Raises SettingError for trials or columns that occur twice, or none.
    """

    name: str
    trials: tuple[Trial, ...]
    columns: tuple[ComparedFigure, ...]
    data: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    threads: int = 1
    device: str = "auto"
    precision: Precision = "auto"
    chart: tuple[str, str] | None = None
    conclude: Conclude | None = None

    def __post_init__(self) -> None:
        if not LABEL.fullmatch(self.name):
            raise SettingError(f"a comparison's name is one word that can name a folder ({LABEL.pattern}), got {self.name!r}")
        for what, names in (
            ("trial", [trial.name for trial in self.trials]),
            ("column", [column.key for column in self.columns]),
            ("seed", list(map(str, self.seeds))),
        ):
            if not names or len(set(names)) != len(names):
                raise SettingError(f"comparison {self.name!r} needs at least one {what}, each once, got {', '.join(names) or 'none'}")
        for trial in self.trials:
            if not isinstance(trial, Trial) or isinstance(trial, type) or " at 0x" in repr(trial):
                raise SettingError(f"wanted a trial, whose repr names its knobs and no memory address, got {trial!r}")
        if self.threads < 1:
            raise SettingError(f"threads must be at least 1, got {self.threads}")
        if self.chart and (unknown := set(self.chart) - {column.key for column in self.columns}):
            raise SettingError(f"a chart draws figures that are columns, got {', '.join(sorted(unknown))}")
