"""L1 without training: the candidate whose public features lie nearest to what was released."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.nearness import encrypted_nearness, nearness
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, FeatureSource, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.nets.encryption import Encryption, EncryptsImages

NO_FEATURES = "a model update holds no features to compare with a candidate's; it is judged by attacks on updates (U1, U2)"


@dataclass(frozen=True, slots=True)
class NearestFeatures:
    """Candidates are ranked by the distance of their features; of released images, by that of theirs.

    Features of encrypted images say little; but who knows the recipe encrypts the candidates too, and compares pixels.

    On raw features it cannot be beaten. A module that scales or moves whole channels leads it astray: `NearestStandardised` is not.
    Source: SPEC.md, section 8, L1.
    """

    name: str = "L1.nearest"
    level: Level = Level.L1

    def linker(self, view: AttackerView, rng: torch.Generator) -> "NearestLinker":  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train: the featurizer is public."""
        return NearestLinker.of(view)


@dataclass(frozen=True, slots=True, eq=False)
class NearestLinker:
    """An attacker with the public featurizer, who knows how released images are encrypted where they are.

    `unlearnt` says why one who had set out to learn more does no more than this.
    """

    features: FeatureSource
    encryption: Encryption | None = None
    unlearnt: str = ""

    @classmethod
    def of(cls, view: AttackerView) -> "NearestLinker":
        """A view -> who knows what is in it; without a recipe, images count as unencrypted."""
        return cls(view.features, view.recipe.encryption if isinstance(view.recipe, EncryptsImages) else None)

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and candidates (G,3,H,W) -> minus the mean squared distance of their features, (N,G).

        Of encrypted images it is the distance of pixels, as far as the encryption leaves them.
        """
        match release:
            case SharedFeatures(features=features):
                return nearness(features, self.features(gallery))
            case SharedImages(images=images) if self.encryption is not None:
                return encrypted_nearness(self.encryption, images, gallery)
            case SharedImages(images=images):
                return nearness(self.features(images), self.features(gallery))
            case ModelUpdate():
                return NotApplicable(NO_FEATURES)
        assert_never(release)
