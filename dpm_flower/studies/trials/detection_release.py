"""What a receiver of a detection study lets its peer have: raw features, or features poisoned by a module of its own, with their boxes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.boxed_peer import fitted_module
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.payload.codec import decode, encode
from dpm_flower.studies.trials.detection_scene import Scene
from dpm_flower.training.detection import BoxedExamples
from dpm_flower.training.detection_poisoning import ModuleRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """What a reader gets: features with the boxes in their images, and how many bytes all of it takes."""

    examples: BoxedExamples
    size_bytes: int


def check_recipe(method: DeepPoisoning | None) -> None:
    """Raises SettingError for parts of a recipe that detection knows nothing of; None stands for raw features."""
    if method is None:
        return
    parts = (method.perturbation, method.privacy, method.release_terms)
    if method.kind == "backbone" or any(part is not None for part in parts):
        raise SettingError(f"wanted a method with a block kind of its own, without perturbation, privacy and release terms, got {method}")


def fitted(scene: Scene, method: ModuleRecipe | None, part: Boxed, owner: str, folder: Path) -> nn.Module:
    """A recipe, images with boxes to learn from, and whose random stream -> the module, fitted once per folder.

    Without a recipe features pass as they are.
    """
    ground = scene.ground
    return fitted_module(scene.nets, method, part, folder, compute=ground.compute, rng=ground.stream("module", owner), report=ground.report)


def released(scene: Scene, module: nn.Module, part: Boxed) -> Release:
    """A module and its owner's images with boxes -> what their reader gets of them, encoded and decoded; boxes travel beside.

    Raises ReleaseError for features that cannot be released.
    """
    features = scene.through(module, scene.raw(part.images))
    shards = encode(SharedFeatures(features, torch.zeros(len(part), dtype=torch.int64)))
    received = decode(shards, scene.nets.spec, classes=1, samples=len(part))
    if not isinstance(received, SharedFeatures):
        raise SettingError(f"wanted features back, got {type(received).__name__}")
    beside = sum(_bytes(one) for one in (*part.boxes, *part.labels))
    return Release(BoxedExamples.of(part, received.features), sum(shard.size_bytes for shard in shards) + beside)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
