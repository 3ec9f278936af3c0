"""Principal components of features, found on one set of images and applied to any other."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits
from torch import Tensor

from dpm_flower.core.errors import SettingError

LEAST_SHARE = 1e-9  # of the widest direction's variance, below which another one is none but rounding


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """The mean (V,) of V values and K orthonormal directions (V,K) in which they scatter most, the widest first."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(cls, features_NChw: Tensor, dimensions: int) -> "PrincipalComponents":
        """Features (N,C,h,w) and K -> their first K components. Raises SettingError unless K < N and K < C x h x w.

        They are found by Lanczos iterations (ARPACK), which need no matrix of all products.
        """
        values_NV = features_NChw.flatten(1).double().numpy()
        images, values = values_NV.shape
        if not dimensions < min(images, values):
            raise SettingError(f"wanted fewer dimensions than the {images} images and the {values} values of each, got {dimensions}")
        found = None
        if values_NV.var(0).sum() > 0.0:
            with threadpool_limits(torch.get_num_threads()):  # what is computed outside torch may take no more either
                found = PCA(dimensions, svd_solver="arpack", random_state=0).fit(values_NV)
        if found is None or not found.explained_variance_[-1] > LEAST_SHARE * found.explained_variance_[0]:
            raise SettingError(f"wanted images that differ in {dimensions} dimensions at least, got {images} that do not")
        directions_VK = np.ascontiguousarray(found.components_.T)  # ARPACK's order is the other way round, a view of negative strides
        return cls(torch.from_numpy(found.mean_).float(), torch.from_numpy(directions_VK).float())

    def projected(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> the nearest ones that mean and components span, of the same shape."""
        centred_BV = features_BChw.flatten(1) - self.mean
        return (self.mean + centred_BV @ self.directions @ self.directions.T).view_as(features_BChw)
