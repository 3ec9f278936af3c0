"""Sharing unprotected features: as useful as features can be, and as readable. Source: Deep Poisoning, row 6 of the collaboration table."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import FeatureSource, Preparation
from dpm_flower.core.shared import SharedFeatures


@dataclass(frozen=True, slots=True)
class RawFeatures:
    """The shared featurizer's output leaves the house as it is."""

    name: str = "raw-features"

    def prepare(self, preparation: Preparation) -> "RawFeaturesSharer":
        """Nothing has to be fitted."""
        return RawFeaturesSharer(preparation.features)


@dataclass(frozen=True, slots=True)
class RawFeaturesSharer:
    """Images (B,3,H,W) -> features z = F(x)."""

    features: FeatureSource

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> features (B,C,h,w) with the same labels."""
        return SharedFeatures(self.features(images), labels)
