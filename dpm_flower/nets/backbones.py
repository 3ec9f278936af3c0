"""The backbones by name: a name, a number of classes and a generator -> an untrained classifier (B,3,H,W) -> (B,K)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from torch import nn
from torchvision import models

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.thin_resnet import ThinResNet

BlockKind: TypeAlias = Literal["basic", "bottleneck"]


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a backbone is made from a number of classes, and the kind of its residual blocks."""

    make: Callable[[int], nn.Module]
    blocks: BlockKind


def _thin(depth: int) -> _Recipe:
    return _Recipe(partial(ThinResNet, depth), "basic")


def _torchvision(make: Callable[..., nn.Module], blocks: BlockKind) -> _Recipe:
    return _Recipe(lambda classes: make(weights=None, num_classes=classes), blocks)


_RECIPES: Mapping[str, _Recipe] = MappingProxyType(
    {
        "resnet20": _thin(20),
        "resnet32": _thin(32),
        "resnet44": _thin(44),
        "resnet56": _thin(56),
        "resnet18": _torchvision(models.resnet18, "basic"),
        "resnet50": _torchvision(models.resnet50, "bottleneck"),
    }
)


def backbone_names() -> tuple[str, ...]:
    """The names that `build_backbone` knows: first the thin ResNets for small images, then torchvision's."""
    return tuple(_RECIPES)


def _recipe(name: str) -> _Recipe:
    if name not in _RECIPES:
        raise SettingError(f"the backbone must be one of {', '.join(_RECIPES)}, got {name!r}")
    return _RECIPES[name]


def build_backbone(name: str, classes: int, rng: torch.Generator) -> nn.Module:
    """A backbone's name -> the untrained network; equal states of `rng` give equal weights.

    Raises SettingError for an unknown name, which lists the known ones, and for fewer than one class.
    """
    recipe = _recipe(name)
    if classes < 1:
        raise SettingError(f"a classifier needs at least one class, got {classes}")
    with global_generator_from(rng):
        return recipe.make(classes)


def block_kind(backbone_name: str) -> BlockKind:
    """A backbone's name -> the kind of its residual blocks, of which its DPMs are made. Raises SettingError if unknown."""
    return _recipe(backbone_name).blocks
