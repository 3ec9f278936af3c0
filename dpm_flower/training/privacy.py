"""Attributes that a module is to hide while it trains: how hard, and from what kind of reader."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.training.attribute_reader import AttributeReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyTerm:
    """The `weight` of what an adapting classifier reads in a module's loss, and how that classifier learns.

    It has the `convolutions` of a feature classifier, and takes `steps` gradient steps for one of the module's. Raises SettingError for
    knobs that cannot work.
    """

    weight: float = 1.0
    steps: int = 1
    learning_rate: float = 3e-3
    convolutions: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        if not self.weight >= 0 or self.steps < 1 or not self.learning_rate > 0:
            raise SettingError(f"wanted weight >= 0, steps of at least 1 and learning_rate > 0, got {self}")
        with torch.device("meta"):
            feature_classifier(1, 1, self.convolutions)

    def reader(self, attributes_NA: Tensor | None, channels: int, compute: Compute, rng: torch.Generator) -> AttributeReader:
        """Attributes of the images, the features' channels, and where weights come from -> a fresh reader. Raises SettingError for none."""
        if attributes_NA is None:
            raise SettingError(f"wanted private images with attributes for {self}, got some without")
        with global_generator_from(rng):
            network = feature_classifier(channels, attributes_NA.shape[1], self.convolutions)
        return AttributeReader(network, attributes_NA, compute, self.learning_rate, self.steps)
