"""Methods in one line: what is shared is whatever a function makes of features."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.shared import SharedFeatures
from tests.attacks.views import features


@dataclass(frozen=True)
class Made:
    """Shares what `made` makes of features and labels, by the numbers of the preparation's stream."""

    made: Callable[[Tensor, Tensor, torch.Generator], Tensor]
    name: str

    def prepare(self, preparation):
        return Making(self.made, preparation.rng)


@dataclass(frozen=True)
class Making:
    made: Callable[[Tensor, Tensor, torch.Generator], Tensor]
    rng: torch.Generator

    def share(self, images, labels):
        return SharedFeatures(self.made(features(images), labels, self.rng), labels)
