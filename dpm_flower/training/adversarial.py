"""Adversarial losses, and a discriminator at work beside the one training loop: it learns, then judges what a generator made."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Augmentation

AdversarialLoss: TypeAlias = Literal["hinge", "non-saturating"]
BETAS = (0.5, 0.999)  # AdamW's, of generator and discriminator: with more momentum the two chase each other. Source: DCGAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Adversarial:
    """How a discriminator learns: its loss, its own learning rate, and what keeps it from learning a few images by heart.

    `augment` shifts what it sees, real and made, each time anew, so that the generator does not learn to shift (Zhao et al. 2020,
    arXiv 2006.10738); mirrored half of the time, an image could as well be its mirror image, and some made ones will be. `r1` is the
    weight of its squared gradient at real images (Mescheder et al. 2018, arXiv 1801.04406); 0: none. Raises SettingError for knobs
    that cannot work.
    """

    loss: AdversarialLoss = "hinge"
    learning_rate: float = 4e-4
    r1: float = 0.0
    augment: Augmentation = "shift"

    def __post_init__(self) -> None:
        if self.loss not in get_args(AdversarialLoss):
            raise SettingError(f"loss must be one of {', '.join(get_args(AdversarialLoss))}, got {self.loss!r}")
        if self.augment not in get_args(Augmentation):
            raise SettingError(f"augment must be one of {', '.join(get_args(Augmentation))}, got {self.augment!r}")
        if not (self.learning_rate > 0 and self.r1 >= 0):
            raise SettingError(f"wanted a learning_rate > 0 and r1 >= 0, got {self.learning_rate} and {self.r1}")


def discriminator_loss(loss: AdversarialLoss, real: Tensor, made: Tensor) -> Tensor:
    """Scores of real and of made images, any shape -> a scalar, least where they are told apart.

    "non-saturating": -E[log D(x)] - E[log(1 - D(G))] with D the sigmoid of the score; "hinge": both are pushed to either side of a margin.
    """
    match loss:
        case "hinge":
            return functional.relu(1 - real).mean() + functional.relu(1 + made).mean()
        case "non-saturating":
            return functional.softplus(-real).mean() + functional.softplus(made).mean()


def generator_loss(loss: AdversarialLoss, made: Tensor) -> Tensor:
    """Scores of made images, any shape -> a scalar, least where they pass for real.

    "non-saturating": -E[log D(G)], which has the same aim as E[log(1 - D(G))] and a gradient where the discriminator is sure.
    """
    match loss:
        case "hinge":
            return -made.mean()
        case "non-saturating":
            return functional.softplus(-made).mean()


@dataclass(slots=True, eq=False)
class Critic:
    """A discriminator with an optimiser of its own, whose rate falls to 0 over `steps` as the generator's does."""

    network: nn.Module
    settings: Adversarial
    compute: Compute
    steps: int
    _optimiser: torch.optim.Optimizer = field(init=False)
    _taken: int = 0

    def __post_init__(self) -> None:
        self.compute.place_module(self.network).train().requires_grad_(False)
        rate = self.settings.learning_rate
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=rate, betas=BETAS, weight_decay=0.0)

    def learn(self, real_BCHW: Tensor, made_BCHW: Tensor, *condition: Tensor) -> None:
        """Real and made images (B,C,H,W) on the device, and what both are of -> one step of the discriminator."""
        self.network.requires_grad_(True)
        for group in self._optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * (1 + math.cos(math.pi * min(1.0, self._taken / self.steps))) / 2
        real = real_BCHW.requires_grad_(True) if self.settings.r1 else real_BCHW
        of_real, of_made = self._scores(real, *condition), self._scores(made_BCHW.detach(), *condition)
        loss = discriminator_loss(self.settings.loss, of_real, of_made)
        if self.settings.r1:
            (slope,) = torch.autograd.grad(of_real.sum(), real, create_graph=True)
            loss = loss + self.settings.r1 / 2 * slope.square().sum((1, 2, 3)).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._taken += 1
        self.network.requires_grad_(False)  # the generator is moved by what it sees; it is not

    def loss_of(self, made_BCHW: Tensor, *condition: Tensor) -> Tensor:
        """Made images (B,C,H,W), with a way back to the generator -> the generator's loss, a scalar."""
        return generator_loss(self.settings.loss, self._scores(made_BCHW, *condition))

    def _scores(self, images_BCHW: Tensor, *condition: Tensor) -> Tensor:
        with self.compute.autocast():
            scores: Tensor = self.network(images_BCHW, *condition)
        return scores.float()
