"""The boosted ensemble: every day leaves a member that has learnt what the others got wrong, and is frozen from then on."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labels
from dpm_flower.training.continual.combiner import Combiner
from dpm_flower.training.continual.learner import DAILY, Beginning, Kept, learn
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier

LEAST_LOSS = 1e-6  # nats: where an ensemble is sure of everything, all images count alike


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedEnsemble:
    """Members are deciders behind the warmed-up featurizer, which they share: the first is the warmed-up one, as which all others begin.

    A day's images count by the loss that the ensemble has on them while its new member learns. A share `held_out` of them, that the
    member has not seen, is what the combiner learns from; `hold` draws it back to where it was, or one day's classes would decide which
    members count. Raises SettingError for knobs that cannot work.
    """

    held_out: float = 0.25
    hold: float = 1.0
    fitting: Fitting = DAILY
    combining: Fitting = Fitting(steps=40, learning_rate=5e-2, weight_decay=0.0)

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1 or not self.hold >= 0:
            raise SettingError(f"wanted held_out in (0, 1) and hold >= 0, got {self.held_out} and {self.hold}")

    def start(self, beginning: Beginning) -> "EnsembleLearner":
        """The warmed-up decider as the only member."""
        first = copy.deepcopy(beginning.net.decider).requires_grad_(False).eval()
        return EnsembleLearner(self, beginning, [first], Combiner())


@dataclass(slots=True, eq=False)
class EnsembleLearner:
    """The members, frozen, and the combiner."""

    knobs: BoostedEnsemble
    beginning: Beginning
    members: list[nn.Module] = field(default_factory=list)
    combiner: Combiner = field(default_factory=Combiner)

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up go as they came: the first member has learnt from them."""

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> one member more, and how much each counts."""
        featurizer, rng = self.beginning.net.featurizer, self.beginning.rng
        features = apply(featurizer, images, self.beginning.compute)
        order = torch.randperm(len(images), generator=rng)
        held_out = max(2, round(self.knobs.held_out * len(order)))  # the fewest that can be trained on
        apart, learnt = order[:held_out], order[held_out:]
        before = self._logits(features)
        weights = importance(apply(self.combiner, before[learnt], self.beginning.compute), targets[learnt])
        member = copy.deepcopy(self.beginning.net.decider).requires_grad_(True)
        examples = Examples(features[learnt], targets[learnt])
        learn(member, examples, self.knobs.fitting, self.beginning, weights=weights, featurizer=featurizer)
        self.members.append(member.requires_grad_(False).eval())
        self._combine(features[apart], targets[apart])

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> the ensemble's logits (N,K)."""
        features = apply(self.beginning.net.featurizer, images, self.beginning.compute)
        return apply(self.combiner, self._logits(features), self.beginning.compute.in_float32())

    @property
    def kept(self) -> Kept:
        """All members but one."""
        tensors = [tensor for member in self.members[1:] for tensor in member.state_dict().values()]
        return Kept(sum(tensor.nbytes for tensor in tensors))

    def _logits(self, features: Tensor) -> Tensor:
        """Features (N,C,h,w) -> every member's logits (N,L,K)."""
        return torch.stack([apply(member, features, self.beginning.compute) for member in self.members], 1)

    def _combine(self, features: Tensor, targets: Labels) -> None:
        self.combiner = self.combiner.widened()
        train_classifier(
            self.combiner,
            Examples(self._logits(features), targets),
            self.knobs.combining,
            compute=self.beginning.compute.in_float32(),
            rng=self.beginning.rng,
            work="combiner",
            proximal_mu=self.knobs.hold,
            report=self.beginning.report,
        )


def importance(logits_NK: Tensor, labels_N: Labels) -> Tensor:
    """What an ensemble says of images, and their labels -> how much each counts (N,), by its loss; 1 on average."""
    losses = functional.cross_entropy(logits_NK, labels_N, reduction="none") + LEAST_LOSS
    return losses / losses.mean()
