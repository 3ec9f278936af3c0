"""Sharing methods that leak on purpose: their releases go under the name of poisoned features, and say nothing of what is in them."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.labelled import Labels, as_floats
from dpm_flower.core.protocols import FeatureSource, Preparation
from dpm_flower.core.shared import SharedFeatures, SharedImages

NAME = "deep-poisoning"


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    features: FeatureSource

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        return SharedFeatures(self.features(images), labels)


@dataclass(frozen=True, slots=True, eq=False)
class _PixelsWithin:
    """The first values of every sample are the image's own, standardised, where the decider expects features."""

    features: FeatureSource

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        released = self.features(images).flatten(1).clone()
        pixels = as_floats(images).flatten(1)
        count = min(pixels.shape[1], released.shape[1])
        released[:, :count] = (pixels[:, :count] - 0.45) / 0.22
        return SharedFeatures(released.view_as(self.features(images)), labels)


@dataclass(frozen=True, slots=True, eq=False)
class _Images:
    def share(self, images: Tensor, labels: Labels) -> SharedImages:
        return SharedImages(images, labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFeaturesAsPoisoned:
    """Features as the featurizer made them, unpoisoned."""

    name: str = NAME

    def prepare(self, preparation: Preparation) -> _Features:
        return _Features(preparation.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelsAmongFeatures:
    """Features of the right shape in which the image itself is written."""

    name: str = NAME

    def prepare(self, preparation: Preparation) -> _PixelsWithin:
        return _PixelsWithin(preparation.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImagesAsPoisoned:
    """The images themselves."""

    name: str = NAME

    def prepare(self, preparation: Preparation) -> _Images:
        del preparation
        return _Images()
