"""L1 without training, whatever a module does to whole channels: nearest features, once each channel has mean 0 and deviation 1."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.nearest_features import NearestLinker
from dpm_flower.attacks.nearness import nearness
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.training.standardised_channels import standardised_by_channel


@dataclass(frozen=True, slots=True)
class NearestStandardised:
    """As `NearestFeatures`, with the channels of the release, and of the candidates' features, standardised each over its own images.

    Who scales or shifts channels hides from distances, and not from this. Source: SPEC.md, section 8, L1.
    """

    name: str = "L1.nearest-standardised"
    level: Level = Level.L1

    def linker(self, view: AttackerView, rng: torch.Generator) -> "StandardisedLinker":  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train: the featurizer is public."""
        return StandardisedLinker(NearestLinker.of(view))


@dataclass(frozen=True, slots=True, eq=False)
class StandardisedLinker:
    """An attacker with the public featurizer, who looks at a whole release at once."""

    nearest: NearestLinker

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and candidates (G,3,H,W) -> minus the mean squared distance of standardised features, (N,G).

        Released images, which have features of their own, are compared as by `NearestFeatures`.
        """
        match release:
            case SharedFeatures(features=features):
                return nearness(standardised_by_channel(features), standardised_by_channel(self.nearest.features(gallery)))
            case SharedImages() | ModelUpdate():
                return self.nearest.link(release, gallery)
        assert_never(release)
