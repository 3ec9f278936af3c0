"""Sharing what a class looks like on average: every image's features give way to the mean over its class."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedFeatures


@dataclass(frozen=True, slots=True)
class ClassMeanFeatures:
    """Releases one feature map per class, the mean over the entity's own images, once for each of them: of a single image it tells its
    label, and its share of the mean."""

    name: str = "class-mean-features"

    @property
    def reads_labels_only(self) -> Literal[True]:
        """Of the image that is to be shared it takes the class."""
        return True

    def prepare(self, preparation: Preparation) -> "ClassMeanFeaturesSharer":
        """Averages the own features by class."""
        features, labels = preparation.features(preparation.private.images), preparation.private.labels
        counts_K = torch.bincount(labels, minlength=preparation.private.classes)
        sums_KChw = torch.zeros(len(counts_K), *features.shape[1:]).index_add_(0, labels, features)
        means_KChw = sums_KChw / counts_K.clamp(min=1).view(-1, 1, 1, 1)
        means_KChw[counts_K == 0] = features.mean(0)
        return ClassMeanFeaturesSharer(means_KChw)


@dataclass(frozen=True, slots=True, eq=False)
class ClassMeanFeaturesSharer:
    """Holds the means (K,C,h,w); that of a class without images is the mean over all."""

    means: Tensor

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:  # noqa: ARG002  # of an image only its label is looked at
        """Images (B,3,H,W) with labels (B,) -> their classes' mean features (B,C,h,w) with the same labels."""
        return SharedFeatures(self.means[labels], labels)
