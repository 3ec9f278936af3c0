"""The contracts between floors: a sharing method and its sharer, an attack and its view."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.progress import Report
from dpm_flower.core.shared import SharedBatch
from dpm_flower.core.split_net import SplitNet


class FeatureSource(Protocol):
    """Images (N,3,H,W) -> their features (N,C,h,w), float32 on the CPU; computed once and kept."""

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> features (N,C,h,w)."""
        ...


class Sharer(Protocol):
    """One entity's prepared method. It holds the secret and is never serialised into a release."""

    def share(self, images: Tensor, labels: Labels) -> SharedBatch:
        """Images (B,C,H,W) in [0,1] with labels (B,) -> what leaves the house for them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """What an entity prepares a method with: its own images, the public ones, and how to compute."""

    net: SplitNet
    private: Labelled
    validation: Labelled
    public: Labelled
    rng: torch.Generator
    compute: Compute
    report: Report
    features: FeatureSource


@runtime_checkable
class SharingMethod(Protocol):
    """A frozen dataclass: its fields are the method's knobs, its name stands in manifests and tables."""

    @property
    def name(self) -> str:
        """What manifests call this method."""
        ...

    def prepare(self, preparation: Preparation) -> Sharer | None:
        """Fits the entity's private part. None: this method shares nothing."""
        ...


class Level(Enum):
    """What an attacker knows, weakest first. Source: SPEC.md, section 8."""

    A0 = "the public reconstructor"


@dataclass(frozen=True, slots=True, eq=False)
class AttackerView:
    """All that an attacker gets: the release, the public networks and images, the recipe of the defence. Never the truth."""

    release: SharedBatch
    net: SplitNet
    public: Labelled
    recipe: SharingMethod
    compute: Compute


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """An attacker's reconstructions (N,C,H,W) in [0,1], in the order of the release."""

    images: Tensor


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why an attack says nothing about a release."""

    reason: str


AttackResult: TypeAlias = Guess | NotApplicable


class Attack(Protocol):
    """Sees only what that attacker may know; the scorer adds the truth."""

    level: Level

    def run(self, view: AttackerView, rng: torch.Generator) -> AttackResult:
        """What the attacker makes of its view, or why it can make nothing of it."""
        ...
