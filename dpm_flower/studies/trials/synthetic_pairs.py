"""Synthetic photographs with masks, in two stages: noise -> masks, mask -> photograph; made once for all trials under a seed."""

import hashlib
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
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
OF_MASKS = Adversarial(augment="shift")  # all ways to lie are among the masks already
OF_PHOTOGRAPHS = Adversarial(loss="non-saturating", learning_rate=2e-4, augment="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaker:
    """How both stages are trained. Source: Dual GAN (arXiv 1709.01872).

    `width` and `noise` are the first stage's, `translator` the width of the second one's U-Net; `l1_weight` is what the absolute error
    weighs beside passing for real. Raises SettingError for a weight below 0.
    """

    width: int = 16
    noise: int = 64
    translator: int = 12
    l1_weight: float = 20.0
    masks: Adversarial = OF_MASKS
    photographs: Adversarial = OF_PHOTOGRAPHS
    mask_fitting: Fitting = Fitting(steps=2000, learning_rate=4e-4, batch_size=32, weight_decay=0.0, schedule="cosine")
    photograph_fitting: Fitting = Fitting(steps=1000, learning_rate=2e-3, batch_size=16, weight_decay=0.0, schedule="cosine")

    def __post_init__(self) -> None:
        if not self.l1_weight >= 0:
            raise SettingError(f"l1_weight must be >= 0, got {self.l1_weight}")

    def made(self, real: Masked, count: int, ground: Ground) -> Masked:
        """Real square photographs with masks, and how many are wanted -> synthetic ones, of no data set in particular (0)."""
        masks = self._masks(real, count, ground)
        photographs = self._photographs(real, masks, ground)
        return Masked(as_bytes(photographs), masks, torch.zeros(count, dtype=torch.int64))

    def _masks(self, real: Masked, count: int, ground: Ground) -> Tensor:
        side, rng = real.masks.shape[-1], ground.stream("masks")
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
            compute=ground.compute,
            rng=rng,
            report=ground.report,
        )
        trained_once(generator, ground.common / self._folder("masks", real), lambda _: train(), ground.compute)
        return (drawn(generator, count, ground.compute, ground.stream("drawn masks")) >= DRAWN_AS_VESSEL).to(torch.uint8)

    def _photographs(self, real: Masked, masks: Tensor, ground: Ground) -> Tensor:
        rng = ground.stream("photographs")
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
            compute=ground.compute,
            rng=rng,
            report=ground.report,
        )
        trained_once(generator, ground.common / self._folder("photographs", real), lambda _: train(), ground.compute)
        return translated(generator, masks, Tints.of(real.images), ground.compute, ground.stream("tints"))

    def _folder(self, stage: str, real: Masked) -> str:
        """A stage's place among what all trials share; other knobs and other numbers of pictures are other networks."""
        known = f"{self!r}\x1f{tuple(real.images.shape)}"
        return f"{stage}-{hashlib.sha256(known.encode()).hexdigest()[:16]}"


DUAL_GAN = PairMaker()
