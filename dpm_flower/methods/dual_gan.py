"""Synthetic photographs with masks, in two stages: noise -> masks, mask -> photograph."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.masks import Masked
from dpm_flower.nets.dcgan import Discriminator, Generator
from dpm_flower.nets.patch_discriminator import PatchDiscriminator
from dpm_flower.nets.unet import UNet
from dpm_flower.training.adversarial import Adversarial
from dpm_flower.training.generation import drawn, train_generator
from dpm_flower.training.translation import Tints, train_translator, translated
from dpm_flower.training.turning import all_ways

DRAWN_AS_VESSEL = 0.5  # of the masks' generator: from here on a pixel is one of the mask
OF_MASKS = Adversarial(learning_rate=1e-4, augment="shift")  # all ways to lie are among the masks already
OF_PHOTOGRAPHS = Adversarial(loss="non-saturating", learning_rate=2e-4, augment="none")

Once: TypeAlias = Callable[[str, nn.Module, Callable[[], object]], object]  # a stage's name, its network, and what trains it


def at_once(stage: str, network: nn.Module, train: Callable[[], object]) -> None:  # noqa: ARG001  # whoever keeps networks asks for it
    """A network and what trains it -> the network trained, frozen; nothing of it is kept."""
    train()
    network.requires_grad_(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaker:
    """How both stages are trained. Source: Dual GAN (arXiv 1709.01872).

    `width` and `noise` are the first stage's, `translator` the width of the second one's U-Net; `l1_weight` is what the absolute error
    weighs beside passing for real, `mode_seeking` what weighs that other noise makes another mask. The masks'
    generator learns much faster than who judges it: see simulations.segmentation for what came of equal rates. Raises SettingError
    for a weight below 0.
    """

    width: int = 16
    noise: int = 64
    translator: int = 12
    l1_weight: float = 20.0
    mode_seeking: float = 0.05
    masks: Adversarial = OF_MASKS
    photographs: Adversarial = OF_PHOTOGRAPHS
    mask_fitting: Fitting = Fitting(steps=2000, learning_rate=4e-3, batch_size=32, weight_decay=0.0, schedule="cosine")
    photograph_fitting: Fitting = Fitting(steps=1000, learning_rate=2e-3, batch_size=16, weight_decay=0.0, schedule="cosine")

    def __post_init__(self) -> None:
        if not (self.l1_weight >= 0 and self.mode_seeking >= 0):
            raise SettingError(f"l1_weight and mode_seeking must be >= 0, got {self.l1_weight} and {self.mode_seeking}")

    def learnt(
        self,
        real: Masked,
        *,
        compute: Compute,
        of_masks: torch.Generator,
        of_photographs: torch.Generator,
        report: Report = silent,
        once: Once = at_once,
    ) -> "DualGan":
        """Real square photographs with masks, and a random stream for each stage -> both generators; `once` trains or finds each."""
        return DualGan(
            self._masks(real, compute, of_masks, report, once),
            self._photographs(real, compute, of_photographs, report, once),
            Tints.of(real.images),
            compute,
        )

    def _masks(self, real: Masked, compute: Compute, rng: torch.Generator, report: Report, once: Once) -> Generator:
        side = real.masks.shape[-1]
        with global_generator_from(rng):
            generator = Generator(side, channels=1, noise=self.noise, width=self.width)
            discriminator = Discriminator(side, channels=1, width=self.width)
        train = partial(
            train_generator,
            generator,
            discriminator,
            all_ways(real.masks.float()),
            None,
            self.masks,
            self.mask_fitting,
            mode_seeking=self.mode_seeking,
            compute=compute,
            rng=rng,
            report=report,
        )
        once("masks", generator, train)
        return generator

    def _photographs(self, real: Masked, compute: Compute, rng: torch.Generator, report: Report, once: Once) -> UNet:
        with global_generator_from(rng):
            generator = UNet(4, 3, width=self.translator, output="unit")
            discriminator = PatchDiscriminator(4)
        train = partial(
            train_translator,
            generator,
            discriminator,
            real.masks,
            real.images,
            self.photographs,
            self.photograph_fitting,
            l1_weight=self.l1_weight,
            compute=compute,
            rng=rng,
            report=report,
        )
        once("photographs", generator, train)
        return generator


DUAL_GAN = PairMaker()


@dataclass(frozen=True, slots=True, eq=False)
class DualGan:
    """Both generators, trained, and how the photographs' mean colours scatter."""

    masks: Generator
    photographs: UNet
    tints: Tints
    compute: Compute

    def drawn(self, count: int, *, of_masks: torch.Generator, of_tints: torch.Generator) -> tuple[Tensor, Tensor]:
        """How many, and a random stream for each stage -> photographs (N,3,H,W) and their masks (N,1,H,W) of 0 and 1, both uint8."""
        masks = (drawn(self.masks, count, self.compute, of_masks) >= DRAWN_AS_VESSEL).to(torch.uint8)
        return as_bytes(translated(self.photographs, masks, self.tints, self.compute, of_tints)), masks
