"""How synthetic images are compared with own ones, and with held-out ones that say how near is near."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.copying import membership, nearest, standardised
from dpm_flower.training.turning import all_ways

UNLIKE = math.sqrt(2)  # apart are two images with nothing in common, as they are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Which images are the same picture: those that are, whatever their brightness and contrast.

    With `by_channel` whatever their tint, too; with `any_way`, of square images, those that lie in another of the eight ways. Without
    `flat`, what has one value everywhere is like nothing: all empty masks are the same and tell nothing, and as they are compared one
    lies half-way between any two others, so that a single own one would be what everything lies nearest to.
    """

    by_channel: bool = False
    any_way: bool = False
    flat: bool = True

    def form(self, images_NCHW: Tensor) -> Tensor:
        """Images (N,C,H,W), bytes or floats -> as they are compared, floats."""
        return standardised(images_NCHW, by_channel=self.by_channel)

    def compared(self, images_NCHW: Tensor) -> Tensor:
        """Which images (N,C,H,W) are compared at all (N,) bool."""
        if self.flat:
            return torch.ones(len(images_NCHW), dtype=torch.bool)
        return images_NCHW.amax((1, 2, 3)) > images_NCHW.amin((1, 2, 3))

    @property
    def laid(self) -> Callable[[Tensor], Tensor]:
        """Images as they are compared (N,C,H,W) -> in each way in which a copy of them may lie (N or 8N,C,H,W)."""
        return all_ways if self.any_way else lambda images_NCHW: images_NCHW


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Own images (N,C,H,W) that are not left out, as they are compared and in all ways laid; held-out ones (M,C,H,W) and the baseline:
    how far from each of them the nearest own one is (M,).
    """

    likeness: Likeness
    known: Tensor
    laid: Tensor
    others: Tensor
    baseline: Tensor

    @classmethod
    def of(cls, own: Tensor, held_out: Tensor, likeness: Likeness) -> "Watched":
        """Own and held-out images, bytes or floats, and how they are compared. Raises MetricError where all of either are left out."""
        known, others = (images[likeness.compared(images)] for images in (own, held_out))
        if not (len(known) and len(others)):
            raise MetricError(
                "wanted own and held-out images with something in them, "
                f"got {len(known)} of {len(own)} and {len(others)} of {len(held_out)}"
            )
        known, others = likeness.form(known), likeness.form(others)
        laid = likeness.laid(known)
        return cls(likeness, known, laid, others, nearest(others, laid).distances)

    def distances(self, made: Tensor) -> Tensor:
        """Synthetic images (n,C,H,W), bytes or floats -> how far from each the nearest own image is (n,)."""
        distances = nearest(self.likeness.form(made), self.laid).distances
        return distances.where(self.likeness.compared(made), UNLIKE)

    def membership(self, made: Tensor) -> dict[str, float]:
        """Synthetic images (n,C,H,W) -> how well they tell own images from held-out ones, see `metrics.copying.membership`."""
        told = self.likeness.compared(made)
        laid = self.likeness.laid(self.likeness.form(made[told] if bool(told.any()) else made))
        return membership(nearest(self.known, laid).distances, nearest(self.others, laid).distances)
