"""What every attacker with a network from features back to images does with a release."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from torch import nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import AttackResult, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, eq=False)
class FeatureInverter:
    """An attacker whose knowledge is one trained `inverse`: features (B,C,h,w) -> images (B,3,H,W).

    `unlearnt` says why the inverse is everybody's in place of the attacker's own, where it had nothing to learn one from.
    """

    inverse: nn.Module
    compute: Compute
    unlearnt: str = ""

    def guess(self, release: SharedBatch) -> AttackResult:
        """Released features (N,C,h,w) -> guesses (N,3,H,W); released images are their own guess."""
        return by_features(release, lambda shared: Guess(apply(self.inverse, shared.features, self.compute).clamp(0.0, 1.0)))


def by_features(release: SharedBatch, inverted: Callable[[SharedFeatures], AttackResult]) -> AttackResult:
    """A release, and what becomes of features -> that; released images are their own guess, model updates are others' business."""
    match release:
        case SharedFeatures():
            return inverted(release)
        case SharedImages(images=images):
            return Guess(as_floats(images))
        case ModelUpdate():
            return NotApplicable("a model update holds no features; it is judged by inversion attacks (U1, U2)")
    assert_never(release)
