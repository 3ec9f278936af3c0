"""L1: a matcher of shadow modules' releases and public features, applied to what the victim released and a gallery of candidates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import NoFeaturesError
from dpm_flower.attacks.inverse import reported_as, usual_or_fitting
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.attacks.nearest_features import NearestLinker
from dpm_flower.attacks.shadow_modules import Shadows
from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, Auxiliary, FeatureSource, Linker, NotApplicable, SharingMethod
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.matcher import Matcher
from dpm_flower.training.matching import train_matcher
from dpm_flower.training.prediction import apply
from dpm_flower.training.standardised_channels import standardised_by_channel

MATCHING = Fitting(steps=400, learning_rate=3e-3, batch_size=128, weight_decay=0.0)  # others of a batch are what a match is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """The attacker runs the recipe on images of its own, and learns which release goes with which image's features.

    Where the recipe releases images or makes things up there is nothing to learn: candidates are compared as by `NearestFeatures`.
    `shadows` and `variants` are those of the shadow attack (A2); the matcher is trained by `fitting` on each of them. Raises
    SettingError for knobs that cannot work. Source: SPEC.md, section 8, L1.
    """

    auxiliary: Auxiliary = "public+own"
    shadows: int = 1
    variants: tuple[SharingMethod, ...] = ()
    fitting: Fitting = MATCHING

    def __post_init__(self) -> None:
        self._modules()
        self.fitting.check_no_patience("an attacker is trained")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "L1", "L1.public", "L1.s100.x3"."""
        return ".".join((self.level.name, *usual_or_fitting(self.fitting, MATCHING), *self._modules().suffixes))

    @property
    def level(self) -> Level:
        """It knows how the defence is made, and has candidates."""
        return Level.L1

    def linker(self, view: AttackerView, rng: torch.Generator) -> Linker:
        """The recipe and auxiliary images -> the trained matcher; trained once per folder.

        Where the recipe gives it nothing to learn from, it looks for what is nearest, and says so (`unlearnt`). Raises SettingError for a
        view without recipe.
        """
        steps = self.fitting.steps * len(self._modules().recipes(view, self.name))
        with global_generator_from(rng):
            matcher = Matcher(view.net.spec.shape)

        def train(checkpoint: Path) -> None:
            sets, released = self._modules().releases(view, rng, self.name)
            train_matcher(
                matcher,
                [_alike_by_set(features, sets) for features in released],
                torch.cat([view.features(each.images) for each in sets]),
                replace(self.fitting, steps=steps),
                compute=view.compute,
                rng=rng,
                report=reported_as(self.name, view.report),
                checkpoint=checkpoint,
            )

        try:
            trained_once(matcher, view.folder, train, view.compute)
        except NoFeaturesError as err:
            return replace(NearestLinker.of(view), unlearnt=str(err))
        return MatchingLinker(matcher, view.features, view.compute)

    def _modules(self) -> Shadows:
        return Shadows(auxiliary=self.auxiliary, count=self.shadows, variants=self.variants)


@dataclass(frozen=True, slots=True, eq=False)
class MatchingLinker:
    """An attacker whose knowledge is a trained matcher."""

    matcher: Matcher
    features: FeatureSource
    compute: Compute

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and candidates (G,3,H,W) -> cosines of their points (N,G); released images, by their features' distance."""
        match release:
            case SharedFeatures(features=features):
                released = apply(self.matcher.released, standardised_by_channel(features), self.compute)
                return released @ apply(self.matcher.candidate, self.features(gallery), self.compute).T
            case SharedImages() | ModelUpdate():
                return NearestLinker(self.features).link(release, gallery)
        assert_never(release)


def _alike_by_set(features_NChw: Tensor, sets: Sequence[Labelled]) -> Tensor:
    """What one module released for several sets -> each made alike by itself: images of another kind have another mean."""
    return torch.cat([standardised_by_channel(each) for each in torch.split(features_NChw, [len(one) for one in sets])])
