"""L1 without training: the candidate whose public features lie nearest to what was released."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, FeatureSource, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages

NO_FEATURES = "a model update holds no features to compare with a candidate's; it is judged by attacks on updates (U1, U2)"


@dataclass(frozen=True, slots=True)
class NearestFeatures:
    """Candidates are ranked by the distance of their features; of released images, by that of theirs.

    On raw features it cannot be beaten. It is no weak attacker elsewhere: a module that moves all features far, but all in much the
    same way, leaves each image's own the nearest. Source: SPEC.md, section 8, L1.
    """

    name: str = "L1.nearest"
    level: Level = Level.L1

    def linker(self, view: AttackerView, rng: torch.Generator) -> "NearestLinker":  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train: the featurizer is public."""
        return NearestLinker(view.features)


@dataclass(frozen=True, slots=True, eq=False)
class NearestLinker:
    """An attacker with the public featurizer."""

    features: FeatureSource

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and candidates (G,3,H,W) -> minus the mean squared distance of their features, (N,G)."""
        match release:
            case SharedFeatures(features=features):
                return _nearness(features, self.features(gallery))
            case SharedImages(images=images):
                return _nearness(self.features(images), self.features(gallery))
            case ModelUpdate():
                return NotApplicable(NO_FEATURES)
        assert_never(release)


def _nearness(released_NChw: Tensor, candidates_GChw: Tensor) -> Tensor:
    """Features of two sets -> minus their mean squared distances (N,G), the same for the same features, of whatever others there are."""
    if released_NChw.shape[1:] != candidates_GChw.shape[1:]:
        raise ShapeError(f"wanted released features like the candidates', {tuple(candidates_GChw.shape)}, got {tuple(released_NChw.shape)}")
    released, candidates = released_NChw.flatten(1).double(), candidates_GChw.flatten(1).double()
    squares = released.square().sum(1).unsqueeze(1) + candidates.square().sum(1) - 2 * released @ candidates.T
    return -squares / candidates.shape[1]
