"""A peer who reads features of images with boxes: networks from such features back to images, by what it owns and knows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.training.detection import through
from dpm_flower.training.detection_poisoning import ModuleRecipe, train_boxed_module


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPeer:
    """The public networks, the images with boxes that it owns, and how it learns to undo features. Each network is trained once per folder.

    `stream_of` gives the random stream for a purpose.
    """

    nets: DetectionNets
    known: Boxed
    inverse: Inverse
    compute: Compute
    report: Report
    stream_of: Callable[..., torch.Generator]

    def shadow_inverse(self, recipe: ModuleRecipe, shadow: Path, inverse: Path) -> nn.Module:
        """The recipe of a module, and where two networks lie -> an inverse of a module of its own. Source: SPEC.md, section 8, A2."""
        module = fitted_module(
            self.nets, recipe, self.known, shadow, compute=self.compute, rng=self.stream_of("module", "attacker"), report=self.report
        )
        return self.undoing(module, inverse)

    def undoing(self, module: nn.Module, folder: Path) -> nn.Module:
        """A module that the peer may use -> an inverse of it behind the featurizer; of nothing, an inverse of raw features."""

        def examples() -> tuple[Tensor, Tensor]:
            raw = through(self.nets.featurizer, self.known.images, self.compute)
            return through(module, raw, self.compute), self.known.images

        inverter = self.inverse.learnt(
            self.nets.spec.shape,
            self.known.size,
            folder,
            examples,
            compute=self.compute,
            rng=self.stream_of("inverse"),
            report=self.report,
        )
        return inverter.inverse


def fitted_module(
    nets: DetectionNets, recipe: ModuleRecipe | None, boxed: Boxed, folder: Path, *, compute: Compute, rng: torch.Generator, report: Report
) -> nn.Module:
    """A recipe and images with boxes to learn from -> the module, fitted once per folder; without a recipe features pass as they are."""
    if recipe is None:
        return nn.Identity()
    module = recipe.fresh_module(nets.spec, rng)

    def train(_: Path) -> None:
        raw = through(nets.featurizer, boxed.images, compute)
        train_boxed_module(module, recipe, nets, boxed, raw, compute=compute, rng=rng, report=report)

    return trained_once(module, folder, train, compute)
