"""Sharing perturbed features: noise or a blur in place of a trained module. Source: Deep Poisoning, the table of GN, GF and MF."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.perturbation import PerturbedSource
from dpm_flower.training.perturbation_strength import PerturbationChoice, check_choice, settle


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbedFeatures:
    """Features leave the house under a stationary perturbation, of a fixed strength or ``Calibrated``; nothing is trained."""

    perturbation: PerturbationChoice
    name: str = "perturbed-features"

    def __post_init__(self) -> None:
        check_choice(self.perturbation)

    def prepare(self, preparation: Preparation) -> "PerturbedFeaturesSharer":
        """Measures the features' units on own images, and on validation images what the perturbation costs."""
        settled = settle(self.perturbation, preparation)
        return PerturbedFeaturesSharer(PerturbedSource(preparation.features, settled.perturber, preparation.rng), settled.figures)


@dataclass(frozen=True, slots=True, eq=False)
class PerturbedFeaturesSharer:
    """Holds the secret: the generator that the noise comes from. `figures` are the perturbation's strength and cost."""

    features: PerturbedSource
    figures: Mapping[str, float]

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> perturbed features (B,C,h,w) with the same labels; noise is drawn anew every time."""
        return SharedFeatures(self.features(images), labels)
