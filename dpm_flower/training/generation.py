"""Training a generator of images, of a class where labels are given, and drawing from it."""

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labels
from dpm_flower.core.progress import Report, silent
from dpm_flower.nets.dcgan import Discriminator, Generator
from dpm_flower.training.adversarial import BETAS, Adversarial, Critic
from dpm_flower.training.augmentation import augmented
from dpm_flower.training.loop import Fitted, fit

DRAWN = 256  # images at a time
LEAST_DIFFERENCE = 1e-5  # of two images, so that none at all is no division by 0


def train_generator(
    generator: Generator,
    discriminator: Discriminator,
    images_NCHW: Tensor,
    labels_N: Labels | None,
    settings: Adversarial,
    fitting: Fitting,
    *,
    mode_seeking: float = 0.0,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> Fitted:
    """Trains both on images (N,C,H,W), bytes or floats in [0,1], with labels (N,) where the two have classes; the generator is what stays.

    Each step of the generator follows one of the discriminator. The loss that is reported is the generator's; `mode_seeking` is the
    weight of `mode_seeking_loss` in it. Raises SettingError for a weight below 0.
    """
    if not mode_seeking >= 0:
        raise SettingError(f"mode_seeking must be >= 0, got {mode_seeking}")
    compute.place_module(generator)
    critic = Critic(discriminator, settings, compute, fitting.steps_for(len(images_NCHW)))

    def loss_at(indices: Tensor) -> Tensor:
        condition = () if labels_N is None else (labels_N[indices].to(compute.device),)
        noise = torch.randn(len(indices), generator.noise, generator=rng).to(compute.device)
        with compute.autocast():
            made = generator(noise, *condition)
        real = augmented(compute.place(images_NCHW[indices]), settings.augment, rng)
        shown = augmented(made.float(), settings.augment, rng)
        critic.learn(real, shown, *condition)
        loss = critic.loss_of(shown, *condition)
        return loss + mode_seeking * mode_seeking_loss(noise, made.float(), *condition) if mode_seeking else loss

    return fit([generator], loss_at, len(images_NCHW), fitting, rng=rng, work="generator", report=report, betas=BETAS)


def mode_seeking_loss(noise_BZ: Tensor, made_BCHW: Tensor, labels_B: Labels | None = None) -> Tensor:
    """Noise (B,Z), what was made of it, and of which class -> a scalar: how far apart noises are over how far apart what they became is.

    Both are L1 means over pairs of a class: the first and the second half of a batch of two at least; with labels (B,) neighbours when
    it is sorted by them, and 0 where no two are of one class. Where a generator makes one image of all noise it knows no bound. Source:
    Mao et al. 2019, mode seeking (arXiv 1903.05628), whose ratio this is the reciprocal of.
    """
    if labels_B is None:
        half = len(noise_BZ) // 2
        first = torch.arange(half, device=noise_BZ.device)
        second = first + half
    else:
        order = labels_B.argsort(stable=True)
        alike = labels_B[order[:-1]] == labels_B[order[1:]]
        first, second = order[:-1][alike], order[1:][alike]
        if not len(first):
            return made_BCHW.sum() * 0.0
    noises, images = ((both[first] - both[second]).abs().mean() for both in (noise_BZ, made_BCHW))
    return noises / (images + LEAST_DIFFERENCE)


@torch.no_grad()
def drawn(generator: Generator, labels_N: Labels | int, compute: Compute, rng: torch.Generator) -> Tensor:
    """Labels (N,), or how many of a generator without classes -> made images (N,C,H,W), floats in [0,1] on the CPU."""
    generator.eval()
    count = labels_N if isinstance(labels_N, int) else len(labels_N)
    noise_NZ = torch.randn(count, generator.noise, generator=rng)
    made = []
    for rows in torch.split(torch.arange(count), DRAWN):
        condition = () if isinstance(labels_N, int) else (labels_N[rows].to(compute.device),)
        with compute.autocast():
            made.append(generator(noise_NZ[rows].to(compute.device), *condition).float().cpu())
    return torch.cat(made).contiguous()
