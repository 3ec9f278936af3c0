"""The gate of made-up images: what lies nearer to an own image than nearly all held-out ones do is refused, and drawn anew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.metrics.copying import Copying, copying, membership, nearest, standardised

ADVICE = "fewer steps, or more images to learn from, may help"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorisationGate:
    """Which images may pass: none nearer to its nearest own image than the alpha-quantile of held-out images' distances to theirs.

    Distances are between images of one brightness and contrast: a fainter copy is a copy. `redraws` times what was refused is drawn
    anew. Where more than a share `tolerated` of the first draw is refused, or anything still is after all redraws, nothing passes: then
    the generator has learnt images by heart, and what the gate lets through would be what it happens not to see. Raises SettingError
    for knobs that cannot work.
    """

    alpha: float = 0.05
    tolerated: float = 0.5
    redraws: int = 20

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and self.alpha <= self.tolerated <= 1) or self.redraws < 1:
            raise SettingError(f"wanted 0 < alpha < 1, alpha <= tolerated <= 1 and at least 1 redraw, got {self}")

    def passed(self, draw: Callable[[Labels], Tensor], labels: Labels, own: Tensor, held_out: Tensor) -> "Passed":
        """How images (n,C,H,W) of given labels (n,) are drawn, labels (N,), own and held-out images -> N images that may leave.

        Raises ReleaseError where too many are memorised.
        """
        known, others = standardised(own), standardised(held_out)
        baseline = nearest(others, known).distances
        images = draw(labels)
        first = found = copying(nearest(standardised(images), known).distances, baseline, self.alpha)
        refused = int(first.memorised.sum())
        if refused > self.tolerated * len(labels):
            raise ReleaseError(f"{self._memorised(refused, len(labels))}, wanted at most {self.tolerated:.0%}; {ADVICE}")
        redrawn = 0
        while bool(found.memorised.any()):
            if redrawn == self.redraws:
                raise ReleaseError(f"{self._memorised(int(found.memorised.sum()), len(labels))} after {redrawn} redraws; {ADVICE}")
            again = found.memorised.nonzero().flatten()
            images[again] = draw(labels[again])
            anew = nearest(standardised(images[again]), known).distances
            found = copying(found.distances.index_put((again,), anew), baseline, self.alpha)
            redrawn += 1
        made = standardised(images)
        return Passed(images, first, found, membership(nearest(known, made).distances, nearest(others, made).distances))

    def _memorised(self, refused: int, count: int) -> str:
        return (
            f"{refused} of {count} synthetic images lie nearer to one of the own images than all but {self.alpha:.0%} of held-out images "
            "do: the generator has memorised"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """Images (N,C,H,W) that passed, how much was copied at the first draw and of what passed, and how well members can be told."""

    images: Tensor
    first: Copying
    passed: Copying
    membership: Mapping[str, float]

    @property
    def figures(self) -> dict[str, float]:
        """The memorised share of the first draw; of what passed, its least distance, its nearness, and what it tells of membership."""
        of_passed = self.passed.figures
        return {
            "synthetic_memorised": self.first.figures["memorised"],
            "synthetic_nearest": of_passed["nearest"],
            "synthetic_nearness": of_passed["nearness"],
            **{f"synthetic_{key}": value for key, value in self.membership.items()},
        }
