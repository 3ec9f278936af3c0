"""Sharing the strongest values only: of each image's features all but a few are set to zero."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import FeatureSource, Preparation
from dpm_flower.core.shared import SharedFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseFeatures:
    """Of each image's values the `share` with the greatest magnitude leaves, the rest is zero (top-k sparsity); nothing is trained."""

    share: float  # in (0, 1]
    name: str = "sparse-features"

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SettingError(f"share must lie in (0, 1], got {self.share}")

    def prepare(self, preparation: Preparation) -> "SparseFeaturesSharer":
        """Nothing has to be fitted."""
        return SparseFeaturesSharer(preparation.features, self.share)


@dataclass(frozen=True, slots=True)
class SparseFeaturesSharer:
    """Images (B,3,H,W) -> their features, thinned out."""

    features: FeatureSource
    share_kept: float

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> features (B,C,h,w) of which at least one value is left, with the same labels."""
        features = self.features(images)
        raw_BV = features.flatten(1)
        kept = max(1, round(self.share_kept * raw_BV.shape[1]))
        strongest_BK = raw_BV.abs().topk(kept, dim=1).indices
        thinned_BV = torch.zeros_like(raw_BV).scatter_(1, strongest_BK, raw_BV.gather(1, strongest_BK))
        return SharedFeatures(thinned_BV.view_as(features), labels)
