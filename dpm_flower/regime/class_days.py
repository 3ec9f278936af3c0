"""Days of images that have a class: a poisoned release of each day's, and a decider that is refined on all that are kept."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.compute import Compute
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Shares
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.methods.hardened import TWO_ADVERSARIES
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.codec import decode_each
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ReleasedSpec
from dpm_flower.payload.shard import Shard
from dpm_flower.regime.audit import ALWAYS_ASKED
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.day_learning import Words
from dpm_flower.regime.day_task import SEED, DayTask
from dpm_flower.regime.inbox_images import StayingImages, days_images
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.regime.kept_releases import take_kept
from dpm_flower.regime.pooling import PooledFeatures
from dpm_flower.regime.pretrain import pretrain
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.continual.learner import DAILY
from dpm_flower.training.prediction import accuracy, apply
from dpm_flower.training.recalibration import recalibrate
from dpm_flower.training.supervised import train_classifier

WORDS = Words(score="top1", unused="boxes_only", wanted="of a class")
STATISTICS_IMAGES = 1024  # of those that stay: more change a mean and a variance little, and their features are in memory


def inbox_study(place: InboxPlace, entity: str) -> Study:
    """A section of the site file -> what is done with a day's images, as a study of one entity: poisoned features, judged as usual."""
    threads = torch.get_num_threads()
    return Study(
        name="inbox",
        partition=Shares(entities=((entity, 1.0),)),
        arms=(SharingArm(name="kept", method=TWO_ADVERSARIES),),
        attacks=DEFAULT_AUDIT,
        side=place.side,
        backbone=place.backbone,
        hook=place.hook,
        refine=DAILY,
        threads=threads,
        lead_threads=threads,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassDays:
    """The study of one entity that a site's days are, the names behind the class numbers, and the images that stay."""

    study: Study
    classes: tuple[str, ...]
    images: StayingImages

    @property
    def words(self) -> Words:
        """How the report speaks."""
        return WORDS

    def key_of(self, labels: Mapping[str, Any]) -> str | None:
        """The class, where the image has one."""
        name: str | None = labels.get("class")
        return name

    def check(self, policy: SitePolicy) -> None:
        """Raises PolicyError for a policy by which nothing could ever be kept."""
        policy.check_method(self.study.methods[0].name)
        policy.check_audit((ALWAYS_ASKED.name, *(attack.name for attack in self.study.attacks)))

    def check_networks(self) -> None:
        """Raises SettingError for a backbone or a hook that cannot be."""
        _assembled(self.study, len(self.classes))

    def opened(self, path: Path, changed_ns: int, compute: Compute) -> PublicNets:
        """The networks of a file."""
        return _opened(path, changed_ns, self.study, len(self.classes), compute)

    def trained(self, task: DayTask) -> PublicNets:
        """The images of the warm-up -> a classifier, cut in two, and the public reconstructor."""
        return pretrain(self.task(task, self._days_images(task))).nets

    def release(self, task: DayTask, nets: PublicNets) -> None:
        """A day's images -> poisoned features with their labels."""
        contribute(self.task(task, self._days_images(task)), nets, self.study.methods[0], task.number, task.notary)

    def refine(self, task: DayTask, nets: PublicNets, decider: nn.Module) -> int:
        """Kept releases and the features of a day's images -> a refined decider, whose batch norms go by the own images that stay.

        Those have to be like what the decider will be asked about: of all classes, from the same devices. Source:
        training/continual/replay.py and recalibrated.py.
        """
        own = self.task(task, self._days_images(task))

        def expected(came: ReleasedSpec) -> FeatureSpec:
            return replace(nets.spec, codec=came.codec) if isinstance(came, FeatureSpec) else nets.spec

        with own.threads(), PooledFeatures(own, nets, "kept") as pooled:

            def take(manifest: Manifest, shards: Iterator[Shard]) -> None:
                pooled.take(decode_each(shards, expected(manifest.spec), classes=task.classes, samples=manifest.samples))

            unread = take_kept(task, expected, take)
            rng = task.stream("decider", task.campaign)
            decider.requires_grad_(True)
            train_classifier(decider, pooled.examples, self.study.refine, compute=task.compute, rng=rng, work="decider", report=task.report)
            recalibrate(decider, self._features_of_staying(task, nets), task.compute)
        return unread

    def judge(self, nets: PublicNets, compute: Compute) -> Callable[[nn.Module], float]:
        """Top-1 accuracy on the held-out images."""
        test = self.images.held_out
        features = apply(nets.featurizer, test.images, compute)
        return lambda decider: accuracy(decider, features, test.labels, compute).top1

    def task(self, day: DayTask, train: Labelled) -> EntityTask:
        """A day and its images -> the same as an entity's task."""
        return EntityTask(
            study=self.study,
            seed=SEED,
            campaign=day.campaign,
            entity=day.entity,
            train=train,
            validation=self.images.own,
            public=self.images.public,
            test=self.images.held_out,
            judged_apart=True,
            site=day.site,
            compute=day.compute,
            report=day.report,
            secret=day.secret,
            policy=day.policy,
            check_time=day.check_time,
        )

    def _features_of_staying(self, task: DayTask, nets: PublicNets) -> Tensor:
        """Raw features of own images that stay, of some at random where there are many: they are in memory, and never written."""
        own = self.images.own
        drawn = torch.randperm(len(own), generator=task.stream("statistics", task.campaign))[:STATISTICS_IMAGES]
        return apply(nets.featurizer, own.images[drawn], task.compute)

    def _days_images(self, day: DayTask) -> Labelled:
        day.check_time()
        return days_images(day.store, day.items, self.classes, self.study.side, day.site.folder)


@functools.lru_cache(maxsize=1)  # tracing and cutting a backbone costs a quarter of a second, and each step of a day needs it
def _opened(path: Path, changed_ns: int, study: Study, classes: int, compute: Compute) -> PublicNets:
    """`changed_ns` is part of the key, so that another file under the same name is another network."""
    del changed_ns
    return _assembled(study, classes).loaded(load_file(path), compute)


def _assembled(study: Study, classes: int) -> PublicNets:
    return PublicNets.assemble(study.backbone, study.hook, study.side, classes, stream(0, "overwritten at once"))
