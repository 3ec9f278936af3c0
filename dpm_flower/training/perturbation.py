"""Stationary perturbations of features: a closed union; features (B,C,h,w) -> perturbed features (B,C,h,w).

Source: Deep Poisoning (arXiv 1912.06895), the comparison with GN, GF and MF. What they do is the same at every place of a map and
for every image, which is what a trained module does better.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import FeatureSource
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.training.perturbation_filters import filtered, gaussian_window, mean_window
from dpm_flower.training.prediction import BATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise:
    """GN: independent noise of `sigma` standard deviations on every value, each channel's deviation being its own unit.

    Per channel, because a network computes the same if a channel is scaled up and the weights that read it are scaled down: one
    unit for all channels would drown some and spare others by that accident. Values may fall below zero and stay there, since
    what a receiver can do by itself (clamp them) takes nothing away from it.
    """

    sigma: float

    def __post_init__(self) -> None:
        _check_positive("sigma", self.sigma)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianFilter:
    """GF: each channel blurred by a Gaussian of standard deviation `sigma`, in feature pixels."""

    sigma: float

    def __post_init__(self) -> None:
        _check_positive("sigma", self.sigma)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanFilter:
    """MF: each value becomes the mean of the `kernel` x `kernel` values around it, in feature pixels; odd, so that nothing moves."""

    kernel: int

    def __post_init__(self) -> None:
        if self.kernel < 3 or self.kernel % 2 != 1:
            raise SettingError(f"kernel must be an odd number from 3, got {self.kernel}")


Perturbation: TypeAlias = GaussianNoise | GaussianFilter | MeanFilter


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise SettingError(f"{name} must be > 0 and finite, got {value}")


@dataclass(frozen=True, slots=True, eq=False)
class Perturber:
    """A perturbation in the units of one entity's features: `unit_C` are the standard deviations of its channels."""

    perturbation: Perturbation
    unit_C: Tensor

    def __call__(self, features_BChw: Tensor, rng: torch.Generator) -> Tensor:
        """Features (B,C,h,w) -> perturbed ones (B,C,h,w); noise is drawn from `rng`, filters take nothing from it."""
        match self.perturbation:
            case GaussianNoise(sigma=sigma):
                noise = torch.randn(features_BChw.shape, generator=rng)
                return features_BChw + sigma * self.unit_C.view(-1, 1, 1) * noise
            case GaussianFilter(sigma=sigma):
                return filtered(features_BChw, gaussian_window(sigma))
            case MeanFilter(kernel=kernel):
                return filtered(features_BChw, mean_window(kernel))
        assert_never(self.perturbation)


def channel_units(features_NChw: Tensor) -> Tensor:
    """Features (N,C,h,w) -> the standard deviation of each channel over images and places (C,)."""
    return features_NChw.std(dim=(0, 2, 3), correction=0)


@dataclass(frozen=True, slots=True, eq=False)
class PerturbedSource:
    """Images (N,3,H,W) -> perturbed features (N,C,h,w), never kept: every call draws noise of its own.

    Whoever averages several draws for one image takes the noise away again, so ask once for what is released. Every image has a
    stream of its own, so that a peer who comes to know one image learns the noise of that one only. Filters draw nothing.
    """

    features: FeatureSource
    perturber: Perturber
    rng: torch.Generator

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> perturbed features (N,C,h,w)."""
        images_at_once = 1 if isinstance(self.perturber.perturbation, GaussianNoise) else BATCH
        pieces = torch.split(self.features(images), images_at_once)
        return torch.cat([self.perturber(raw, child_stream(self.rng)) for raw in pieces])
