"""What learns over days: the contract, what a learner begins with, how a day is learnt from, and what is kept overnight."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.progress import Report
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.training.prediction import apply
from dpm_flower.training.recalibration import recalibrate
from dpm_flower.training.supervised import Examples, train_classifier

DAILY = Fitting(steps=80, learning_rate=2e-3)  # of a few hundred images: some ten passes


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """What a learner begins with: frozen networks that were warmed up, public images, where it draws from, and how to compute.

    Where it `recalibrates`, batch norms of what was trained go by the public images (see recalibrated.py).
    """

    net: SplitNet
    public: Labelled
    rng: torch.Generator
    compute: Compute
    report: Report
    recalibrates: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a learner keeps overnight beside one network: its bytes, and what of it was made of single images, if anything.

    `arrivals` (n,) are the numbers of the images that the n of `shared` were made of, counted from the first that ever came. Of what
    is made up they are those of the images in whose place it was made. `refused_days` counts the days of which nothing stayed, since
    what would have been kept was not fit to be. `net` are the networks under which features were made, None where the learner has no
    others than it began with. `older` is what is kept under the networks before those, as long as it is read by them: its bytes, and
    those of its networks, are among `size_bytes` already. `migrated`: some of it was made under other networks and moved since, by a map.
    """

    size_bytes: int
    shared: SharedFeatures | SharedImages | None = None
    arrivals: Tensor | None = None
    refused_days: int = 0
    net: SplitNet | None = None
    older: "Kept | None" = None
    migrated: bool = False


class Learner(Protocol):
    """A learner at work. Between two calls it holds nothing of the images but what `kept` says."""

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images (N,3,H,W) that the networks were warmed up on, with class numbers (N,), before they go: nothing is trained."""
        ...

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,): learns from them, and keeps of them what it keeps."""
        ...

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K) or, of an ensemble, what stands for them; float32 on the CPU."""
        ...

    @property
    def kept(self) -> Kept:
        """What it keeps overnight."""
        ...


@runtime_checkable
class Learning(Protocol):
    """A way of learning: a frozen dataclass, whose fields are its knobs."""

    def start(self, beginning: Beginning) -> Learner:
        """A learner that nothing has come to yet."""
        ...


def learn(
    network: nn.Module,
    examples: Examples,
    fitting: Fitting,
    beginning: Beginning,
    *,
    work: str = "day",
    augment: Augmentation = "none",
    penalty: Callable[[], Tensor] | None = None,
    weights: Tensor | None = None,
    featurizer: nn.Module | None = None,
) -> None:
    """Trains a whole network on images, or a decider on features, as `train_classifier` does, with what the learner began with.

    `featurizer` is the one that a decider stands behind: where batch norms go by public images, the decider's go by their features.
    """
    train_classifier(
        network,
        examples,
        fitting,
        compute=beginning.compute,
        rng=beginning.rng,
        work=work,
        augment=augment,
        penalty=penalty,
        weights=weights,
        report=beginning.report,
    )
    if beginning.recalibrates:
        public, compute = beginning.public.images, beginning.compute
        recalibrate(network, public if featurizer is None else apply(featurizer, public, compute), compute)


def whole_network(net: SplitNet) -> nn.Module:
    """Frozen public networks -> a copy of the decider after the featurizer, images (B,3,H,W) -> logits (B,K), that can be trained."""
    return copy.deepcopy(nn.Sequential(net.featurizer, net.decider)).requires_grad_(True)
