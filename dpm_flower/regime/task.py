"""What an entity works with in any step: the study, its seed, its own images, its own folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute, torch_threads
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import Report
from dpm_flower.core.protocols import FeatureSource
from dpm_flower.core.secret_streams import secret_stream
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.training.features import FeatureCache


def unlimited() -> None:
    """Images that may stay."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityTask:
    """One entity's part in one campaign (a study under one seed).

    `test` are the held-out images: common to all in a simulation, as the public ones are everywhere. `common` is then a folder that
    all entities share for what they would otherwise compute and keep once each. `public` has classes of its own.
    `judged_apart` says that `test` are this entity's own held-out images, which no other entity is judged on.
    `peer` are the images that the attackers of the own audit own, where others' images are at hand: in a simulation.
    `attribute_names` are those of the attributes that all these images have, if any.
    `secret` is what a deployed site draws its private parts from. It is empty in a simulation, which must repeat itself: there,
    anybody who knows the study and its seed can draw every entity's noise and modules again. `policy` is what a deployed site allows;
    in a simulation there is none. `check_time` is called before something is written or published that was made of the own images, and
    raises where that must not be any more: where these may be kept for a limited time only.
    """

    study: Study
    seed: int
    campaign: str
    entity: str
    train: Labelled
    validation: Labelled
    public: Labelled
    test: Labelled
    judged_apart: bool = False
    site: Site
    compute: Compute
    report: Report
    common: Path | None = None
    secret: str = field(default="", repr=False)
    policy: SitePolicy | None = None
    peer: Labelled | None = None
    attribute_names: tuple[str, ...] = ()
    check_time: Callable[[], None] = unlimited

    @property
    def classes(self) -> int:
        """The number of classes of the task."""
        return self.train.classes

    def of_images(self, chosen: Tensor) -> "EntityTask":
        """The numbers of some own images (n,), ascending -> the same task with those alone; the same where they are all."""
        return self if len(chosen) == len(self.train) else replace(self, train=self.train.take(chosen))

    def features(self, net: SplitNet) -> FeatureSource:
        """Features by the frozen featurizer, kept in the own folder; those of images that everybody has in `common`, if there is one.

        Those of the peer's images are none of this entity's: they lie with the attackers of its audit.
        """
        own = FeatureCache(net.featurizer, self.compute, self.site.features)
        elsewhere = list[tuple[Labelled, FeatureCache]]()  # and not the task: attackers have such a source, and it holds the own images
        if self.common is not None:
            everybodys = FeatureCache(net.featurizer, self.compute, self.common / "features")
            elsewhere += [(self.public, everybodys), (self.test, everybodys)]
        if self.peer is not None:
            elsewhere.append((self.peer, FeatureCache(net.featurizer, self.compute, self.site.attackers_features(self.campaign))))

        def known(images: Tensor) -> Tensor:
            for part, cache in elsewhere:
                # by length first: images are gathered when somebody looks at them, and most never do
                if len(images) == len(part) and images is part.images:
                    return cache(images)
            return own(images)

        return known

    def stream(self, *purpose: str) -> torch.Generator:
        """This entity's random stream for a purpose; everything that it depends on is public."""
        return stream(self.seed, f"entity-{self.entity}", *purpose)

    def secret_stream(self, *purpose: str) -> torch.Generator:
        """This entity's random stream for what its peers must not be able to draw; the public one where there is no secret.

        Every campaign has its own: noise that hides two releases is taken away by their difference.
        """
        if not self.secret:
            return self.stream(*purpose)
        return secret_stream(self.secret, self.campaign, str(self.seed), f"entity-{self.entity}", *purpose)

    @contextmanager
    def threads(self, count: int | None = None) -> Iterator[None]:
        """Torch computes with the study's number of threads inside the block."""
        with torch_threads(count or self.study.threads):
            yield
