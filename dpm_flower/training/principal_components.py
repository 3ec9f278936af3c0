"""Principal components of features, found on one set of images and applied to any other."""

from dataclasses import dataclass

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from dpm_flower.core.errors import SettingError


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """The mean (V,) of V values and K orthonormal directions (V,K) in which they scatter most, the widest first."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(cls, features_NChw: Tensor, dimensions: int) -> "PrincipalComponents":
        """Features (N,C,h,w) and K -> their first K components. Raises SettingError unless K < N and K < C x h x w.

        They are found by Lanczos iterations (ARPACK), which need no matrix of all products: seconds for 10,000 images.
        """
        values_NV = features_NChw.flatten(1).double().numpy()
        images, values = values_NV.shape
        if not dimensions < min(images, values):
            raise SettingError(f"wanted fewer dimensions than the {images} images and the {values} values of each, got {dimensions}")
        few = SettingError(f"wanted images that differ in {dimensions} dimensions at least, got {images} that do not")
        if not float(values_NV.var(0).sum()) > 0.0:
            raise few
        found = PCA(dimensions, svd_solver="arpack", random_state=0).fit(values_NV)
        if not float(found.explained_variance_[-1]) > 1e-9 * float(found.explained_variance_[0]):
            raise few
        return cls(torch.from_numpy(found.mean_).float(), torch.from_numpy(found.components_.T).float())

    def projected(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> the nearest ones that mean and components span, of the same shape."""
        centred_BV = features_BChw.flatten(1) - self.mean
        return (self.mean + centred_BV @ self.directions @ self.directions.T).view_as(features_BChw)
