"""Features of one featurizer made into those of another: a linear map at every position, fitted on images seen by both."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.errors import ShapeError
from dpm_flower.training.prediction import BATCH

EASING = 1e-7  # of the mean square of a channel: far below float16, in which features are kept, far above the digits of float64


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """Features (N,C,h,w) -> features (N,C,h,w): a 1x1 convolution, behind a ReLU where the newer featurizer ends in one."""

    weights_CC: Tensor
    offsets_C: Tensor
    non_negative: bool

    @classmethod
    def fitted(cls, older_NChw: Tensor, newer_NChw: Tensor, non_negative: bool) -> Self:
        """Features of the same images by both featurizers -> the map from the first to the second, by least squares over all positions.

        What the images do not decide, such as channels that are 0 in all of them, stays as it is: the newer featurizer began as the
        older one. Raises ShapeError for features of two shapes, or of no image.
        """
        if older_NChw.shape != newer_NChw.shape or not len(older_NChw):
            raise ShapeError(f"wanted features of the same images twice, got {tuple(older_NChw.shape)} and {tuple(newer_NChw.shape)}")
        channels = older_NChw.shape[1]
        products, wanted = torch.zeros(channels + 1, channels + 1).double(), torch.zeros(channels + 1, channels).double()
        for older, newer in zip(torch.split(older_NChw, BATCH), torch.split(newer_NChw, BATCH), strict=True):
            given = functional.pad(_positions(older), (0, 1), value=1.0)
            products += given.T @ given
            wanted += given.T @ _positions(newer)
        unchanged = torch.eye(channels + 1, channels).double()
        eased = products + EASING * products.diagonal().mean() * torch.eye(channels + 1).double()
        solution = unchanged + torch.linalg.solve(eased, wanted - products @ unchanged)
        return cls(solution[:-1].T.float().contiguous(), solution[-1].float(), non_negative)

    def __call__(self, features_NChw: Tensor) -> Tensor:
        """Features (N,C,h,w) as the older featurizer made them, poisoned ones too -> as the newer one would have (N,C,h,w)."""
        moved = functional.conv2d(features_NChw, self.weights_CC[:, :, None, None], self.offsets_C)
        return moved.relu_() if self.non_negative else moved


def _positions(features_NChw: Tensor) -> Tensor:
    """Features (N,C,h,w) -> those at every position, (N·h·w,C) in double precision."""
    return features_NChw.permute(0, 2, 3, 1).flatten(0, 2).double()
