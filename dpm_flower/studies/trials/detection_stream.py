"""Images with boxes as a stream of days: some to warm up on, then a few dozen a day, whose mix of classes shifts."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.errors import DataError, SettingError


@dataclass(frozen=True, slots=True, eq=False)
class BoxedStream:
    """Warm-up images and those of each day, in order; public images, and those of a peer who attacks. No image is in two of them.

    A day may have no boxes: there is nothing to be found on it. Raises DataError where there is nothing to warm up on, or no day before
    the last from which anything could be forgotten.
    """

    warm_up: Boxed
    days: tuple[Boxed, ...]
    public: Boxed
    peer: Boxed

    def __post_init__(self) -> None:
        if not any(map(len, self.warm_up.labels)):
            raise DataError(f"wanted a box in the {len(self.warm_up)} images of the warm-up, got none")
        if not any(len(labels) for day in self.days[:-1] for labels in day.labels):
            raise DataError(f"wanted a box on one of the {len(self.days)} days before the last, got none")

    @property
    def came(self) -> Boxed:
        """All that came, in order of arrival, the warm-up first."""
        return joined([self.warm_up, *self.days])


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionDays:
    """How many days, and of the training images how many come over all of them, are warmed up on, are public, and are an attacker's.

    All parts are drawn at random. Those of the days then come in an order in which the share of the class with most boxes falls: first
    images with hardly anything else, in the end those with most of the rarer things. `shift` is how much of that order there is: with 1
    the images are sorted, with 0 the days are alike, between them each image's rank and a random one are averaged by it. Raises
    SettingError for numbers that cannot work.
    """

    count: int = 3
    images: int = 84
    warm_up: int = 60
    public: int = 30
    peer: int = 30
    shift: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 2 or self.images < 4 * self.count or min(self.warm_up, self.public, self.peer) < 2:
            raise SettingError(f"wanted at least 2 days of 4 images and at least 2 images of each other kind, got {self}")
        if not 0 <= self.shift <= 1:
            raise SettingError(f"shift must lie in [0, 1], got {self.shift}")

    def divided(self, train: Boxed, rng: torch.Generator) -> BoxedStream:
        """Training images, and where the deal comes from -> their stream.

        Raises SettingError for too few images, DataError as the stream does.
        """
        sizes = [self.warm_up, self.public, self.peer, self.images]
        if sum(sizes) > len(train):
            raise SettingError(f"wanted {sum(sizes)} training images in all, got {len(train)}")
        order = torch.randperm(len(train), generator=rng)[: sum(sizes)]
        warm_up, public, peer, coming = (train.take(part) for part in torch.split(order, sizes))
        places = self._in_order(coming, rng)
        return BoxedStream(warm_up, tuple(coming.take(part) for part in torch.tensor_split(places, self.count)), public, peer)

    def _in_order(self, coming: Boxed, rng: torch.Generator) -> Tensor:
        """Images -> their places in the order in which they come (N,)."""
        counts = box_counts(coming)
        common = counts[:, counts.sum(0).argmax()].double() / counts.sum(1).clamp(min=1)
        ranks = common.argsort(descending=True, stable=True).argsort()
        chance = torch.randperm(len(coming), generator=rng)
        return (self.shift * ranks + (1 - self.shift) * chance).argsort(stable=True)


def box_counts(boxed: Boxed) -> Tensor:
    """Images with boxes -> how many boxes of each class are in each (N,K)."""
    return torch.stack([torch.bincount(labels, minlength=len(boxed.class_names)) for labels in boxed.labels])
