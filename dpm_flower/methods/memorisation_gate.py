"""The gate of made-up images: what lies nearer to an own image than nearly all held-out ones do is refused, and drawn anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.methods.likeness import Likeness, Watched
from dpm_flower.metrics.copying import Copying, copying

ADVICE = "fewer steps, or more images to learn from, may help"
AS_THEY_LIE = Likeness()


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """Images of one kind that nobody may copy: its name in the singular, own and held-out ones, and what passes for a copy of them."""

    name: str
    own: Tensor
    held_out: Tensor
    likeness: Likeness = AS_THEY_LIE


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
        return self.passed_together(lambda wanted: [draw(wanted)], labels, [Guarded("image", own, held_out)])[0]

    def passed_together(
        self, draw: Callable[[Labels], Sequence[Tensor]], labels: Labels, guarded: Sequence[Guarded]
    ) -> "tuple[Passed, ...]":
        """The same of things with an image of each of several kinds, (n,C,H,W) each -> what may leave of each kind, N in one order.

        A thing is refused as a whole where one of its images is memorised.
        """
        watched = [Watched.of(each.own, each.held_out, each.likeness) for each in guarded]
        names = " or ".join(f"{each.name}s" for each in guarded)
        stacks = list(draw(labels))
        first = found = [copying(each.distances(images), each.baseline, self.alpha) for each, images in zip(watched, stacks, strict=True)]
        refused = memorised(found)
        if int(refused.sum()) > self.tolerated * len(labels):
            raise ReleaseError(f"{self._memorised(refused, names)}, wanted at most {self.tolerated:.0%}; {ADVICE}")
        redrawn = 0
        while bool(refused.any()):
            if redrawn == self.redraws:
                raise ReleaseError(f"{self._memorised(refused, names)} after {redrawn} redraws; {ADVICE}")
            again = refused.nonzero().flatten()
            for images, anew in zip(stacks, draw(labels[again]), strict=True):
                images[again] = anew
            found = [
                copying(last.distances.index_put((again,), each.distances(images[again])), each.baseline, self.alpha)
                for last, each, images in zip(found, watched, stacks, strict=True)
            ]
            refused = memorised(found)
            redrawn += 1
        results = zip(stacks, first, found, watched, strict=True)
        return tuple(Passed(images, before, after, each.membership(images)) for images, before, after, each in results)

    def _memorised(self, refused: Tensor, names: str) -> str:
        return (
            f"{int(refused.sum())} of {len(refused)} synthetic {names} lie nearer to one of the own {names} than all but "
            f"{self.alpha:.0%} of held-out {names} do: the generator has memorised"
        )


def memorised(found: Sequence[Copying]) -> Tensor:
    """What was found of each kind of N things' images -> which things have an image that is memorised (N,) bool."""
    return reduce(torch.logical_or, (each.memorised for each in found))


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """Images (N,C,H,W) that passed, how much was copied at the first draw and of what passed, and how well members can be told."""

    images: Tensor
    first: Copying
    passed: Copying
    membership: Mapping[str, float]

    @property
    def found(self) -> dict[str, float]:
        """The memorised share of the first draw; of what passed, its least distance, its nearness, and what it tells of membership."""
        of_passed = self.passed.figures
        return {
            "memorised": self.first.figures["memorised"],
            "nearest": of_passed["nearest"],
            "nearness": of_passed["nearness"],
            **self.membership,
        }

    @property
    def figures(self) -> dict[str, float]:
        """The same as a release of images alone calls them."""
        return {f"synthetic_{key}": value for key, value in self.found.items()}
