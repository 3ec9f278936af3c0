"""Sharing made-up images: a private generator learns the own images, and what it draws leaves in their place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, Labels, as_bytes
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedImages
from dpm_flower.core.streams import global_generator_from
from dpm_flower.methods.memorisation_gate import MemorisationGate, Passed
from dpm_flower.nets.dcgan import Discriminator, Generator
from dpm_flower.training.adversarial import Adversarial
from dpm_flower.training.generation import drawn, train_generator

USUAL = Adversarial(learning_rate=2e-4)
USUAL_FITTING = Fitting(steps=2000, learning_rate=1e-3, weight_decay=0.0, schedule="cosine")
USUAL_GATE = MemorisationGate()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticImages:
    """A DCGAN of the own images' classes; as many images leave as the entity has, with the same labels. Source: SPEC.md, section 6.

    `noise` is the number of random numbers that an image is made of, `width` the channels at its full size, `mode_seeking` what weighs
    that other noise makes another image of the class. The gate refuses what lies too near to an own image. That the images are made up
    is no guarantee, and neither is the gate: it sees copies, pixel by pixel, and no copy that was moved, mirrored or recoloured. Raises
    SettingError for knobs that cannot work.
    """

    noise: int = 64
    width: int = 32
    mode_seeking: float = 0.1
    adversarial: Adversarial = USUAL
    gate: MemorisationGate = USUAL_GATE
    fitting: Fitting = USUAL_FITTING
    name: str = "synthetic-images"

    def __post_init__(self) -> None:
        if self.noise < 1 or self.width < 1 or not self.mode_seeking >= 0:
            wanted = "noise and width must be at least 1, and mode_seeking at least 0"
            raise SettingError(f"{wanted}, got {self.noise}, {self.width} and {self.mode_seeking}")
        self.fitting.check_no_patience("a generator is trained")

    @property
    def unpaired(self) -> Literal[True]:
        """No image of a release was made of one own image."""
        return True

    @property
    def reads_labels_only(self) -> Literal[True]:
        """What is drawn is drawn for a label."""
        return True

    def prepare(self, preparation: Preparation) -> "SyntheticImagesSharer":
        """Trains a fresh generator on the entity's own images, and draws what is released; the gate compares with validation images.

        Raises ReleaseError where it has learnt too many of them by heart.
        """
        given = preparation
        return self.learnt(given.private, given.validation, compute=given.compute, rng=given.rng, report=given.report)

    def learnt(
        self, private: Labelled, held_out: Labelled, *, compute: Compute, rng: torch.Generator, report: Report = silent
    ) -> "SyntheticImagesSharer":
        """As `prepare`, which needs no public networks either: own images and held-out ones -> the sharer."""
        side, channels = private.images.shape[-1], private.images.shape[1]
        with global_generator_from(rng):
            generator = Generator(side, channels=channels, noise=self.noise, width=self.width, classes=private.classes)
            discriminator = Discriminator(side, channels=channels, width=self.width, classes=private.classes)
        train_generator(
            generator,
            discriminator,
            private.images,
            private.labels,
            self.adversarial,
            self.fitting,
            mode_seeking=self.mode_seeking,
            compute=compute,
            rng=rng,
            report=report,
        )
        source = _Source(generator.requires_grad_(False), private, held_out, self.gate, compute)
        return SyntheticImagesSharer(source, rng, source.passed(private.labels, rng))


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A trained generator behind its gate, and the images that the gate compares with."""

    generator: Generator
    own: Labelled
    held_out: Labelled
    gate: MemorisationGate
    compute: Compute

    def passed(self, labels: Labels, rng: torch.Generator) -> Passed:
        """Labels (N,) -> fresh images of them, as the bytes that leave. Raises ReleaseError where too many are memorised."""
        drawing = child_stream(rng)  # what leaves is no stretch of the stream that the generator was trained by
        return self.gate.passed(
            lambda wanted: as_bytes(drawn(self.generator, wanted, self.compute, drawing)), labels, self.own.images, self.held_out.images
        )


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticImagesSharer:
    """Holds the secret: the generator and the own images. `release` was drawn for the own labels, once."""

    source: _Source
    rng: torch.Generator = field(repr=False)
    release: Passed

    @property
    def figures(self) -> Mapping[str, float]:
        """How much of the first draw was memorised, how near to own images what is released lies, and what it tells of membership."""
        return self.release.figures

    def share(self, images: Tensor, labels: Labels) -> SharedImages:  # noqa: ARG002  # made-up images are made of labels
        """Labels (B,) -> made-up images (B,C,H,W) of them, uint8; for the own labels the same ones every time, for others fresh ones.

        Raises ReleaseError where too many of the fresh ones are memorised.
        """
        if torch.equal(labels, self.source.own.labels):
            return SharedImages(self.release.images, labels)
        return SharedImages(self.source.passed(labels, self.rng).images, labels)
