"""Elastic weight consolidation: of each day only its Fisher information stays, which holds the weights that were needed."""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labels
from dpm_flower.training.continual.elastic import Held
from dpm_flower.training.continual.fisher import Answers, fisher_information
from dpm_flower.training.continual.learner import DAILY, Beginning, Kept, learn, whole_network
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticWeights:
    """As online fine-tuning, with lambda/2 x sum of F (w - w*)^2 in the loss. Source: Kirkpatrick et al. 2017 (arXiv 1612.00796).

    `firmness` is lambda. `decay` is what the information of earlier days counts: 1 adds up that of all days, less is online EWC.
    `bound` makes the penalty Huber's (see elastic.py). F is estimated from `images` of the day's at random, or all where there are
    fewer, by whose `answers` fisher.py says. Raises SettingError for knobs that cannot work.
    """

    firmness: float
    decay: float = 1.0
    bound: float | None = None
    answers: Answers = "network"
    images: int = 200
    fitting: Fitting = DAILY
    augment: Augmentation = "shift-flip"

    def __post_init__(self) -> None:
        if not self.firmness > 0 or not 0 <= self.decay <= 1 or not (self.bound is None or self.bound > 0):
            raise SettingError(f"wanted firmness > 0, decay in [0, 1] and a bound > 0 or none, got {self}")
        if self.answers not in get_args(Answers) or self.images < 1:
            raise SettingError(f"wanted answers of {' or '.join(get_args(Answers))} and at least 1 image, got {self}")

    def start(self, beginning: Beginning) -> "ElasticLearner":
        """A copy of the warmed-up network, which nothing holds yet."""
        return ElasticLearner(self, beginning, whole_network(beginning.net))


@dataclass(slots=True, eq=False)
class ElasticLearner:
    """The network as the last day left it, and what holds it there."""

    knobs: ElasticWeights
    beginning: Beginning
    network: nn.Module
    held: Held | None = None

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up (N,3,H,W) with class numbers (N,) -> the network is held by what they need."""
        self._hold(images, targets)

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the network has learnt from them and is held by what they need too."""
        held, knobs = self.held, self.knobs
        penalty = None if held is None else lambda: held.penalty(self.network, knobs.firmness, knobs.bound)
        learn(self.network, Examples(images, targets), knobs.fitting, self.beginning, augment=knobs.augment, penalty=penalty)
        self._hold(images, targets)

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K)."""
        return apply(self.network, images, self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """Two numbers for each weight."""
        return Kept(0 if self.held is None else self.held.size_bytes)

    def _hold(self, images: Tensor, targets: Labels) -> None:
        chosen = torch.randperm(len(images), generator=self.beginning.rng)[: self.knobs.images]
        found = fisher_information(self.network, images[chosen], targets[chosen], self.knobs.answers, self.beginning.compute)
        self.held = Held.at(self.network, found, self.held, self.knobs.decay)
