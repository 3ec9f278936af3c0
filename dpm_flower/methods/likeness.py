"""How synthetic images are compared with own ones, and with held-out ones that say how near is near."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.metrics.copying import membership, nearest, standardised
from dpm_flower.training.turning import all_ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Which images are the same picture: those that are, whatever their brightness and contrast.

    With `by_channel` whatever their tint, too; with `any_way`, of square images, those that lie in another of the eight ways.
    """

    by_channel: bool = False
    any_way: bool = False

    def form(self, images_NCHW: Tensor) -> Tensor:
        """Images (N,C,H,W), bytes or floats -> as they are compared, floats."""
        return standardised(images_NCHW, by_channel=self.by_channel)

    @property
    def laid(self) -> Callable[[Tensor], Tensor]:
        """Images as they are compared (N,C,H,W) -> in each way in which a copy of them may lie (N or 8N,C,H,W)."""
        return all_ways if self.any_way else lambda images_NCHW: images_NCHW


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Own images (N,C,H,W), as they are compared and in all ways laid; held-out ones (M,C,H,W), and their distances (M,) to the own."""

    likeness: Likeness
    known: Tensor
    laid: Tensor
    others: Tensor
    baseline: Tensor

    @classmethod
    def of(cls, own: Tensor, held_out: Tensor, likeness: Likeness) -> "Watched":
        """Own and held-out images, bytes or floats, and how they are compared."""
        known, others = likeness.form(own), likeness.form(held_out)
        laid = likeness.laid(known)
        return cls(likeness, known, laid, others, nearest(others, laid).distances)

    def distances(self, made: Tensor) -> Tensor:
        """Synthetic images (n,C,H,W), bytes or floats -> how far from each the nearest own image is (n,)."""
        return nearest(self.likeness.form(made), self.laid).distances

    def membership(self, made: Tensor) -> dict[str, float]:
        """Synthetic images (n,C,H,W) -> how well they tell own images from held-out ones, see `metrics.copying.membership`."""
        laid = self.likeness.laid(self.likeness.form(made))
        return membership(nearest(self.known, laid).distances, nearest(self.others, laid).distances)
