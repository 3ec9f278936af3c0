"""Training a generator that turns masks into photographs, and what makes two photographs of one mask differ: their tint."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.progress import Report, silent
from dpm_flower.nets.unet import UNet
from dpm_flower.training.adversarial import BETAS, Adversarial, Critic
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import reconstruction_loss
from dpm_flower.training.prediction import apply
from dpm_flower.training.turning import turned

LEAST_VARIANCE = 1e-6  # a channel that is the same in all photographs has no way to scatter, and a matrix without root


@dataclass(frozen=True, slots=True, eq=False)
class Tints:
    """The mean colours of photographs as a normal distribution: mean (C,) and a root (C,C) of the covariance."""

    mean: Tensor
    root: Tensor

    @classmethod
    def of(cls, images_NCHW: Tensor) -> "Tints":
        """Photographs (N,C,H,W), at least two -> how their mean colours scatter."""
        colours_NC = mean_colours(images_NCHW).double()
        covariance = torch.cov(colours_NC.T) + LEAST_VARIANCE * torch.eye(colours_NC.shape[1], dtype=torch.float64)
        return cls(colours_NC.mean(0).float(), torch.linalg.cholesky(covariance).float())

    def drawn(self, count: int, rng: torch.Generator) -> Tensor:
        """Fresh mean colours (count,C), in [0,1]."""
        return (self.mean + torch.randn(count, len(self.mean), generator=rng) @ self.root.T).clamp(0.0, 1.0)


def mean_colours(images_NCHW: Tensor) -> Tensor:
    """Photographs (N,C,H,W), bytes or floats -> their mean colours (N,C), floats."""
    return as_floats(images_NCHW).mean((2, 3))


def conditions(masks_B1HW: Tensor, colours_BC: Tensor) -> Tensor:
    """Masks (B,1,H,W) in [0,1] and mean colours (B,C) -> what the generator sees (B,1+C,H,W)."""
    planes = colours_BC[:, :, None, None].expand(-1, -1, *masks_B1HW.shape[2:])
    return torch.cat((masks_B1HW, planes), 1)


def train_translator(
    generator: UNet,
    discriminator: nn.Module,
    masks_N1HW: Tensor,
    images_NCHW: Tensor,
    settings: Adversarial,
    fitting: Fitting,
    *,
    l1_weight: float,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> Fitted:
    """Trains both on masks (N,1,H,W) of 0 and 1 with their photographs (N,C,H,W), square; the generator is what stays.

    min_G max_D E[log D(x,m)] + E[log(1 - D(G(m),m))], and for G `l1_weight` times the mean absolute error. The generator is told the
    photograph's mean colour besides: what a mask cannot tell, L1 would make the average of, and all photographs alike. Pairs are
    turned and mirrored at random, both alike, which is all the augmentation that there is.
    Source: Dual GAN (arXiv 1709.01872), stage II.
    """
    compute.place_module(generator)
    critic = Critic(discriminator, settings, compute, fitting.steps_for(len(images_NCHW)))

    def loss_at(indices: Tensor) -> Tensor:
        pair = torch.cat((masks_N1HW[indices].float(), as_floats(images_NCHW[indices])), 1)
        real = compute.place(turned([pair], rng)[0])
        masks, photographs = real[:, :1], real[:, 1:]
        with compute.autocast():
            made = generator(conditions(masks, mean_colours(photographs)))
        stacked = torch.cat((masks, made.float()), 1)
        critic.learn(real, stacked)
        return critic.loss_of(stacked) + l1_weight * reconstruction_loss(photographs, made.float())

    return fit([generator], loss_at, len(images_NCHW), fitting, rng=rng, work="translator", report=report, betas=BETAS)


def translated(generator: UNet, masks_N1HW: Tensor, tints: Tints, compute: Compute, rng: torch.Generator) -> Tensor:
    """Masks (N,1,H,W) of 0 and 1 -> a photograph of each (N,C,H,W), floats in [0,1], in a tint of its own."""
    return apply(generator, conditions(masks_N1HW.float(), tints.drawn(len(masks_N1HW), rng)), compute)
