"""What stands in the cut when features are coded: nothing, an autoencoder or a Deep Poisoning Module, each trained once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from torch import Tensor, nn

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.coded_features import CodedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.coding_scene import Scene, Through
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.feature_coding import USUAL_LOSS, CodingLoss
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply

USUAL_POISONING = DeepPoisoning(weight=3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What is sent for features z (N,C,h,w) -> (N,c,h,w), and what a receiver makes of that for the decider (N,C,h,w)."""

    sent: Through
    read: Through


@dataclass(frozen=True, slots=True)
class Direct:
    """The features themselves."""

    def cut(self, scene: Scene) -> Cut:
        """Nothing is trained."""
        del scene
        return Cut(_same, _same)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """An autoencoder's bottleneck; the receiver has its decoder."""

    loss: CodingLoss = USUAL_LOSS
    fitting: Fitting = Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0)

    def cut(self, scene: Scene) -> Cut:
        """Trained on all training images; whatever its loss, it begins with the same weights."""
        ground, method = scene.ground, CodedFeatures(loss=self.loss, fitting=self.fitting)
        network = method.fresh_autoencoder(scene.nets.spec, ground.stream("autoencoder"))

        def train(_: object) -> None:
            rng = ground.stream("autoencoder", "training")
            method.train(network, scene.nets, _victims(scene), compute=ground.compute, rng=rng, report=ground.report)

        _trained(network, self, scene, train)
        return Cut(partial(apply, network.encoder, compute=ground.compute), partial(apply, network.decoder, compute=ground.compute))


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisoned:
    """Poisoned features, as `method` makes them. Raises SettingError for a perturbation or a privacy term, which are no part of this."""

    method: DeepPoisoning = USUAL_POISONING

    def __post_init__(self) -> None:
        if self.method.perturbation is not None:
            raise SettingError(f"noise has no place in a comparison of rates, got {self.method.perturbation}")
        if self.method.privacy is not None:
            raise SettingError(f"the images of a comparison of rates have no attributes to hide, got {self.method.privacy}")

    def cut(self, scene: Scene) -> Cut:
        """Trained on all training images."""
        ground = scene.ground
        network = self.method.fresh_module(scene.nets.spec, ground.stream("module", repr(self)))

        def train(_: object) -> None:
            rng = ground.stream("module", repr(self), "training")
            self.method.train(network, scene.nets, _victims(scene), compute=ground.compute, rng=rng, report=ground.report)

        _trained(network, self, scene, train)
        return Cut(partial(apply, network, compute=ground.compute), _same)


System: TypeAlias = Direct | Bottleneck | Poisoned


def _victims(scene: Scene) -> Victims:
    return Victims(scene.train.images, scene.train_features, scene.train.labels)


def _trained(network: nn.Module, system: System, scene: Scene, train: Callable[[object], None]) -> None:
    """Trained for the first of the trials that have this system in their cut, and kept for the others."""
    trained_once(network, scene.ground.common / kept_as("system", repr((system, scene.task))), train, scene.ground.compute)


def _same(values: Tensor) -> Tensor:
    return values
