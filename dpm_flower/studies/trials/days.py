"""A data set as a stream of days: images to warm up on, then a few hundred a day, whose mix of classes shifts."""

from dataclasses import dataclass

import torch

from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Dealt, Dirichlet, entities
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.partition_deal import deal_out
from dpm_flower.data.stratified import stratified_split


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Warm-up images and those of each day, in order; public images, those of a peer who attacks, and test images."""

    warm_up: Labelled
    days: tuple[Labelled, ...]
    public: Labelled
    peer: Labelled
    test: Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """How many days, and of the training images how many come over all of them, are warmed up on, are public, and are an attacker's.

    Each class is dealt out over the days in proportions drawn from a Dirichlet distribution with `alpha`: the smaller, the less alike the
    days; each has at least `least` images. All other parts have the class mix of the whole. Raises SettingError for numbers that
    cannot work.
    """

    count: int = 10
    images: int = 4000
    warm_up: int = 1500
    public: int = 1500
    peer: int = 2000
    alpha: float = 0.3
    least: int = 100

    def __post_init__(self) -> None:
        if self.count < 2 or min(self.images, self.warm_up, self.public, self.peer) < 2:
            raise SettingError(f"wanted at least 2 days and at least 2 images of each kind, got {self}")

    def divided(self, data: DataSet, ground: Ground) -> Stream:
        """A data set -> its stream under this seed. Raises SettingError for too few images, PartitionError where no deal is found."""
        wanted = self.warm_up + self.public + self.peer + self.images
        if wanted > len(data.train):
            raise SettingError(f"wanted {wanted} training images in all, got {len(data.train)}")
        rest, parts = torch.randperm(len(data.train), generator=ground.stream("days")), []
        for size in (self.warm_up, self.public, self.peer, self.images):
            part, rest = stratified_split(rest, data.train.labels, size)
            parts.append(part)
        dealt = Dealt(names=entities(self.count, "day"), deal=Dirichlet(alpha=self.alpha, least=self.least))
        hands, _ = deal_out(parts[3], data, dealt, None, ground.seed)
        warm_up, public, peer = (data.train.take(part) for part in parts[:3])
        return Stream(warm_up, tuple(data.train.take(hand) for hand in hands), public, peer, data.test)
