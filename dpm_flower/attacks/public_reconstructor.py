"""A0, the weakest attacker: the public reconstructor applied to what was released."""

from dataclasses import dataclass
from typing import assert_never

import torch

from dpm_flower.core.protocols import AttackerView, AttackResult, Guess, Level, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True)
class PublicReconstructor:
    """Features go through the reconstructor that everybody has. Source: the test of Deep Poisoning (SPEC.md, section 8, A0)."""

    level: Level = Level.A0

    def run(self, view: AttackerView, rng: torch.Generator) -> AttackResult:  # noqa: ARG002  # this attack draws nothing
        """Released features (N,C,h,w) -> guesses (N,3,H,W); released images are their own guess."""
        match view.release:
            case SharedFeatures(features=features):
                return Guess(apply(view.net.reconstructor, features, view.compute).clamp(0.0, 1.0))
            case SharedImages(images=images):
                return Guess(images)
            case ModelUpdate():
                return NotApplicable("a model update holds no features; it is judged by inversion attacks (U1, U2)")
        assert_never(view.release)
