"""Poisoning for detectors: a recipe, images with boxes and their raw features -> a trained module."""

from typing import Protocol

import torch
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.detection import BoxedExamples
from dpm_flower.training.detection_equivalence import detection_equivalence
from dpm_flower.training.loop import Fitted
from dpm_flower.training.losses import Equivalence
from dpm_flower.training.poisoning import train_module


class ModuleRecipe(Protocol):
    """What of a Deep Poisoning method detection has a use for: its objective, how it is fitted, and an untrained module."""

    @property
    def equivalence(self) -> Equivalence:
        """What the module has to keep."""
        ...

    @property
    def weight(self) -> float:
        """Of the reconstruction disparity."""
        ...

    @property
    def fitting(self) -> Fitting:
        """How the module is fitted."""
        ...

    @property
    def adversaries(self) -> Adversaries | None:
        """Who adapts to it meanwhile."""
        ...

    def fresh_module(self, spec: FeatureSpec, rng: torch.Generator) -> nn.Module:
        """What the features are, and where weights come from -> an untrained module for them."""
        ...


def train_boxed_module(
    module: nn.Module,
    recipe: ModuleRecipe,
    nets: DetectionNets,
    boxed: Boxed,
    raw_NChw: Tensor,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> Fitted:
    """Trains `module` by the recipe on images with boxes and their raw features, with the public networks frozen."""
    return train_module(
        module,
        nets.reconstructor,
        boxed.images,
        raw_NChw,
        detection_equivalence(recipe.equivalence, nets.decider, BoxedExamples.of(boxed, raw_NChw), compute),
        recipe.weight,
        recipe.fitting,
        compute=compute,
        rng=rng,
        adversaries=recipe.adversaries,
        report=report,
    )
