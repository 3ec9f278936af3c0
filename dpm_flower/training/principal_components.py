"""Principal components of features, found on one set of images and applied to any other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """The mean (V,) of V values and K orthonormal directions (V,K) in which they scatter most, the widest first."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(cls, features_NChw: Tensor, dimensions: int) -> "PrincipalComponents":
        """Features (N,C,h,w) and K -> their first K components. Raises SettingError unless K < N and K <= C x h x w.

        Computed from the N x N products of the centred features, which is small where images are fewer than values.
        """
        values_NV = features_NChw.flatten(1).double()
        images, values = values_NV.shape
        if not dimensions < images or dimensions > values:
            raise SettingError(f"wanted fewer dimensions than the {images} images and no more than {values}, got {dimensions}")
        mean = values_NV.mean(0)
        centred_NV = values_NV - mean
        squares, vectors = torch.linalg.eigh(centred_NV @ centred_NV.T)
        squares_K, vectors_NK = squares[-dimensions:].flip(0), vectors[:, -dimensions:].flip(1)
        if not float(squares_K[-1]) > 1e-9 * float(squares_K[0]):
            raise SettingError(f"wanted images that differ in {dimensions} dimensions at least, got {images} that do not")
        directions_VK = (centred_NV.T @ vectors_NK) / squares_K.sqrt()
        return cls(mean.float(), directions_VK.float())

    def projected(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> the nearest ones that mean and components span, of the same shape."""
        centred_BV = features_BChw.flatten(1) - self.mean
        return (self.mean + centred_BV @ self.directions @ self.directions.T).view_as(features_BChw)
