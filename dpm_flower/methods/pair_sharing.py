"""The contract of sharing photographs with masks: own pairs and held-out ones -> what leaves the house."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.shared import SharedMasks
from dpm_flower.data.masks import Masked


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """What leaves, and finite figures about it by name, which leave with it."""

    batch: SharedMasks
    figures: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class PairSharing(Protocol):
    """A frozen dataclass: its fields are the method's knobs, its name stands in manifests."""

    @property
    def name(self) -> str:
        """What manifests call this method."""
        ...

    def offered(self, private: Masked, held_out: Masked, *, compute: Compute, rng: torch.Generator, report: Report = silent) -> Offered:
        """Own pairs, and held-out ones of the same size that none of them overlaps -> as many pairs as the own ones are.

        Raises ReleaseError where they may not leave.
        """
        ...
