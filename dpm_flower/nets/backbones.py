"""The backbones by name: a name, a number of classes and a generator -> an untrained classifier (B,3,H,W) -> (B,K)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import nn
from torchvision import models

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets import stems
from dpm_flower.nets.block_kinds import BlockKind
from dpm_flower.nets.small_vgg import LAYOUTS, SmallVgg
from dpm_flower.nets.thin_resnet import ThinResNet

SMALL = "-small"  # ends the name of a backbone with the stem for images of 28 to 64 pixels

Stem: TypeAlias = Callable[[Any], None]  # changes a network of its family in place; torchvision comes without types


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a backbone is made from a number of classes, the kind of block its DPMs are made of, and torchvision's weights for it."""

    make: Callable[[int], nn.Module]
    blocks: BlockKind
    published: str = ""  # URL; empty where torchvision publishes none


def _torchvision(name: str, stem: Stem, classes: int) -> nn.Module:
    network: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    stem(network)
    return network


def _full(stem: Stem, kinds: Mapping[str, BlockKind]) -> dict[str, _Recipe]:
    """Torchvision's names with the kinds of their blocks -> their recipes, as torchvision builds them."""
    return {
        name: _Recipe(partial(_torchvision, name, stem), kind, models.get_model_weights(name).DEFAULT.url) for name, kind in kinds.items()
    }


def _small(stem: Stem, kinds: Mapping[str, BlockKind]) -> dict[str, _Recipe]:
    """Torchvision's names with the kinds of their blocks -> the recipes of the same networks with a stem for small images."""
    return {name + SMALL: _Recipe(partial(_torchvision, name, stem), kind) for name, kind in kinds.items()}


def _kinds(kind: BlockKind, *names: str) -> dict[str, BlockKind]:
    return dict.fromkeys(names, kind)


_RESNETS = (
    _kinds("basic", "resnet18", "resnet34")
    | _kinds("bottleneck", "resnet50", "resnet101", "resnet152")
    | _kinds("wide-bottleneck", "wide_resnet50_2", "wide_resnet101_2")
    | _kinds("resnext-32x4d", "resnext50_32x4d")
    | _kinds("resnext-32x8d", "resnext101_32x8d")
    | _kinds("resnext-64x4d", "resnext101_64x4d")
)
# Two convolutions with batch norm beside the identity are a basic block, also where they are VGG's.
_VGGS = _kinds("vgg", *(f"vgg{depth}" for depth in LAYOUTS)) | _kinds("basic", *(f"vgg{depth}_bn" for depth in LAYOUTS))
_DENSENETS = _kinds("dense", "densenet121", "densenet161", "densenet169", "densenet201")

_RECIPES: Mapping[str, _Recipe] = MappingProxyType(
    {f"resnet{depth}": _Recipe(partial(ThinResNet, depth), "basic") for depth in (20, 32, 44, 56)}
    | _full(stems.resnet, _RESNETS)
    | _full(stems.vgg, _VGGS)
    | _full(stems.densenet, _DENSENETS)
    | _small(stems.small_resnet, _RESNETS)
    | {f"vgg{depth}{SMALL}": _Recipe(partial(SmallVgg, depth, False), "vgg") for depth in LAYOUTS}
    | {f"vgg{depth}_bn{SMALL}": _Recipe(partial(SmallVgg, depth, True), "basic") for depth in LAYOUTS}
    | _small(stems.small_densenet, _DENSENETS)
)


def backbone_names() -> tuple[str, ...]:
    """The names that `build_backbone` knows: the thin ResNets for small images, then torchvision's and their "-small" twins."""
    return tuple(_RECIPES)


def _recipe(name: str) -> _Recipe:
    if name not in _RECIPES:
        raise SettingError(f"the backbone must be one of {', '.join(backbone_names())}, got {name!r}")
    return _RECIPES[name]


def build_backbone(name: str, classes: int, rng: torch.Generator) -> nn.Module:
    """A backbone's name -> the untrained network, which reads images in [0,1]; equal states of `rng` give equal weights.

    Raises SettingError for an unknown name, which lists the known ones, and for fewer than one class.
    """
    recipe = _recipe(name)
    if classes < 1:
        raise SettingError(f"a classifier needs at least one class, got {classes}")
    with global_generator_from(rng):
        return recipe.make(classes)


def block_kind(backbone_name: str) -> BlockKind:
    """A backbone's name -> the kind of its blocks, of which its DPMs are made. Raises SettingError if unknown."""
    return _recipe(backbone_name).blocks


def published_weights(backbone_name: str) -> str:
    """A backbone's name -> the URL of torchvision's default weights for it, trained on ImageNet.

    Raises SettingError for a backbone that torchvision publishes none for.
    """
    url = _recipe(backbone_name).published
    if not url:
        known = ", ".join(name for name, recipe in _RECIPES.items() if recipe.published)
        raise SettingError(f"torchvision publishes weights for {known}; got {backbone_name!r}, which is built in another way")
    return url
