"""What an entity does to features before they leave: nothing, obfuscation, or poisoning, each fitted on images with attributes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from torch import Tensor, nn

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.errors import SettingError
from dpm_flower.data.attributed import Attributed
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.obfuscator import obfuscator_from
from dpm_flower.studies.trials.attribute_scene import Scene
from dpm_flower.training.attribute_reader import AttributeReader
from dpm_flower.training.obfuscation import Obfuscation, train_obfuscation
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply

Leaving: TypeAlias = Callable[[Tensor], Tensor]  # images (N,3,H,W) -> what leaves for them (N,C,h,w)


@dataclass(frozen=True, slots=True, eq=False)
class Protected:
    """What makes features that may leave, and who reads the task's attributes (N,K) from them."""

    leaving: Leaving
    classifier: nn.Module


class Protection(Protocol):
    """A frozen dataclass: its fields are the knobs."""

    @property
    def is_secret(self) -> bool:
        """Whether who has the recipe does not have the module."""
        ...

    def fitted(self, scene: Scene, part: Attributed, owner: str, folder: Path, /) -> Protected:
        """Images to learn from, whose random stream, and where networks are kept -> what protects; fitted once per folder."""
        ...


@dataclass(frozen=True, slots=True)
class NoProtection:
    """Raw features leave."""

    @property
    def is_secret(self) -> bool:
        """The featurizer is public."""
        return False

    def fitted(self, scene: Scene, _part: Attributed, _owner: str, _folder: Path, /) -> Protected:
        """The public networks as they are."""
        return Protected(partial(apply, scene.nets.featurizer, compute=scene.ground.compute), scene.nets.decider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obfuscated:
    """DeepObfuscator as published: an obfuscator in the featurizer's place, and a classifier of its own.

    Both begin as the public ones; the classifier takes a step of `classifier_rate` in each cycle.
    """

    obfuscation: Obfuscation
    classifier_rate: float = 1e-4

    def __post_init__(self) -> None:
        if not self.classifier_rate > 0:
            raise SettingError(f"classifier_rate must be > 0, got {self.classifier_rate}")

    @property
    def is_secret(self) -> bool:
        """Until it is shared with the peers."""
        return True

    def fitted(self, scene: Scene, part: Attributed, owner: str, folder: Path, /) -> Protected:
        """Obfuscator and classifier, trained in turns with adversaries that read the private attributes and the images."""
        compute, nets = scene.ground.compute, scene.nets
        networks = nn.ModuleList([obfuscator_from(half) for half in (nets.featurizer, nets.decider)])
        obfuscator, classifier = networks

        def train(_: Path) -> None:
            train_obfuscation(
                obfuscator,
                AttributeReader(classifier, scene.useful(part), compute, self.classifier_rate),
                part.images,
                nets.spec.shape,
                self.obfuscation,
                compute=compute,
                rng=scene.ground.stream("obfuscator", owner),
                attributes=scene.private(part),
                report=scene.ground.report,
            )

        trained_once(networks, folder, train, compute)
        return Protected(partial(apply, obfuscator, compute=compute), classifier)


@dataclass(frozen=True, slots=True)
class Poisoned:
    """Deep Poisoning with the `method`'s knobs: a module between the public featurizer and the public decider."""

    method: DeepPoisoning

    def __post_init__(self) -> None:
        if self.method.perturbation is not None or self.method.equivalence == "response":
            raise SettingError(f"wanted a method without perturbation and response, which is one of classes, got {self.method}")

    @property
    def is_secret(self) -> bool:
        """The module never leaves."""
        return True

    def fitted(self, scene: Scene, part: Attributed, owner: str, folder: Path, /) -> Protected:
        """A module trained on the images, their useful and, with a privacy term, their private attributes."""
        compute, nets, method, rng = scene.ground.compute, scene.nets, self.method, scene.ground.stream("module", owner)
        module = method.fresh_module(nets.spec, rng)

        def train(_: Path) -> None:
            victims = Victims(part.images, scene.raw(part), scene.useful(part), scene.private(part))
            method.train(module, nets, victims, compute=compute, rng=rng, report=scene.ground.report)

        trained_once(module, folder, train, compute)
        return Protected(partial(apply, nn.Sequential(nets.featurizer, module), compute=compute), nets.decider)
