"""A0, the weakest attacker: the public reconstructor applied to what was released."""

from dataclasses import dataclass

import torch

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView


@dataclass(frozen=True, slots=True)
class PublicReconstructor:
    """Features go through the reconstructor that everybody has. Source: the test of Deep Poisoning (SPEC.md, section 8, A0)."""

    name: str = "A0"
    level: Level = Level.A0

    def prepare(self, view: AttackerView, rng: torch.Generator) -> FeatureInverter:  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train: the reconstructor is public."""
        return FeatureInverter(view.net.reconstructor, view.compute)
