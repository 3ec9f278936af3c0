"""The contracts between floors: a sharing method and its sharer, an attack and its view."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
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
        """Images (B,C,H,W), bytes or floats in [0,1], with labels (B,) -> what leaves the house for them."""
        ...


@runtime_checkable
class WithFigures(Protocol):
    """What a sharer may be besides: one that found something out while it was prepared, for example the strength of its noise."""

    @property
    def figures(self) -> Mapping[str, float]:
        """Finite figures by name; they stand among those of the release and leave the house."""
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
    A1 = "public images"

    @property
    def knows_recipe(self) -> bool:
        """Whether attackers of this level know how the defence is made."""
        return self not in (Level.A0, Level.A1)


@dataclass(frozen=True, slots=True, eq=False)
class AttackerView:
    """All that an attacker knows before it sees a release: public networks and images, perhaps the recipe. Never the truth.

    `recipe` is None for levels that do not know it. `features` are the public featurizer's. `folder` is this attacker's own:
    what it has trained stays there, so that it is trained once however many releases it is asked about.
    """

    net: SplitNet
    public: Labelled
    features: FeatureSource
    recipe: SharingMethod | None
    folder: Path
    compute: Compute
    report: Report


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """An attacker's reconstructions (N,C,H,W), floats in [0,1], in the order of the release."""

    images: Tensor


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why an attack says nothing about a release."""

    reason: str


AttackResult: TypeAlias = Guess | NotApplicable


class Attacker(Protocol):
    """A prepared attack. Beside its view it sees releases only; the scorer adds the truth."""

    def guess(self, release: SharedBatch) -> AttackResult:
        """What the attacker makes of a release, or why it can make nothing of it."""
        ...


@runtime_checkable
class Attack(Protocol):
    """A frozen dataclass: its fields are the attack's knobs, its name heads its figures."""

    @property
    def name(self) -> str:
        """What tables call this attack, its level first: "A1.residual-2-x4"."""
        ...

    @property
    def level(self) -> Level:
        """What it knows, and so what its view holds."""
        ...

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """Everything that can be done before a release is seen; the same view and stream give the same attacker."""
        ...
