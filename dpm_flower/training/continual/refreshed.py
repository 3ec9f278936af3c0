"""Replay with a featurizer that is refreshed every few days, and what becomes of features that were kept under the older one."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labels, as_bytes, joined_images
from dpm_flower.core.protocols import WithCodec
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.training.continual.learner import Beginning, Kept, learn
from dpm_flower.training.continual.migration import FeatureMap
from dpm_flower.training.continual.replay import Replay, ReplayLearner
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples

Older: TypeAlias = Literal["expire", "migrate", "two deciders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedReplay:
    """As `replay`, but on every `every`-th day the whole network learns from the images at hand before the decider is refined.

    Those are the day's and, for as many as `warm_up_days`, the images of the warm-up, which a site's policy may let it keep longer; they
    stay as bytes until then and are no part of what is judged as kept. The reconstructor that methods train against is fitted to the new
    featurizer on public images. What was kept under the older featurizer is, by `older`:

    * "expire": forgotten.
    * "migrate": mapped to what the new featurizer would have made, by a linear map that is fitted on the images at hand
      (see migration.py) and gone by the evening; it was never fitted to poisoned features, which it is given all the same. What it
      maps to no number that can be kept is forgotten, and counts as one refused day.
    * "two deciders": left as it is, for the older decider behind the older featurizer, which goes on being refined on it and on each
      day's images. Both answer, and the mean of their probabilities counts. With the next refresh the elder of the two goes.

    Images that a method keeps are read by any featurizer: they expire, move or stay as they are. Raises SettingError for knobs that
    cannot work; a budget is one for one memory.
    """

    replay: Replay
    older: Older
    every: int = 6
    warm_up_days: int = 0
    refresh: Fitting = Fitting(steps=200, learning_rate=2e-3)
    augment: Augmentation = "shift-flip"
    reconstruct: Fitting = Fitting(steps=400, learning_rate=3e-3, weight_decay=0.0)

    def __post_init__(self) -> None:
        if self.older not in get_args(Older):
            raise SettingError(f"older must be one of {', '.join(get_args(Older))}, got {self.older!r}")
        if self.augment not in get_args(Augmentation):
            raise SettingError(f"augment must be one of {', '.join(get_args(Augmentation))}, got {self.augment!r}")
        if self.every < 1 or self.warm_up_days < 0:
            raise SettingError(f"wanted a refresh every 1 or more days and warm_up_days >= 0, got {self.every} and {self.warm_up_days}")
        if self.older == "two deciders" and self.replay.budget_bytes is not None:
            raise SettingError(f"two deciders have a memory each, so wanted no budget, got {self.replay.budget_bytes} bytes")

    def start(self, beginning: Beginning) -> "RefreshedLearner":
        """A replay learner whose featurizer is the warmed-up one."""
        return RefreshedLearner(self, self.replay.start(beginning))


@dataclass(slots=True, eq=False)
class RefreshedLearner:
    """The replay learner behind the newest featurizer, the one `before` it if that still answers, whether any features were `moved` from
    one to another, and warm-up images that still live.
    """

    knobs: RefreshedReplay
    newest: ReplayLearner
    before: ReplayLearner | None = None
    days: int = 0
    moved: bool = False
    _warm_up: tuple[Tensor, Labels] | None = None

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up (N,3,H,W) with class numbers (N,) -> what is to stay of them is kept, and they, while they may be."""
        self.newest.warmed(images, targets)
        if self.knobs.warm_up_days:
            self._warm_up = as_bytes(images).clone(), targets.clone()

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the day of a replay learner, behind a new featurizer if it is time."""
        self.days += 1
        try:
            if self.days % self.knobs.every == 0:
                self._refresh(*self._at_hand(images, targets))
        finally:
            if self.days >= self.knobs.warm_up_days:
                self._warm_up = None
        if self.before is not None:
            self.before.refine(images, targets)
        self.newest.day(images, targets)

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K), of two deciders the logarithms of their mean probabilities."""
        logits = self.newest.predict(images)
        if self.before is None:
            return logits
        both = torch.stack([logits, self.before.predict(images)]).log_softmax(2)
        return both.logsumexp(0) - math.log(len(both))

    @property
    def kept(self) -> Kept:
        """What the newest keeps; with two deciders also the older features, featurizer and decider. Warm-up images count in bytes only."""
        kept, size = self.newest.kept, sum(each.nbytes for each in self._warm_up or ())
        if self.before is None:
            return replace(kept, size_bytes=kept.size_bytes + size, migrated=self.moved)
        older, networks = self.before.kept, (self.before.beginning.net.featurizer, self.before.decider)
        size += older.size_bytes + sum(each.nbytes for network in networks for each in network.state_dict().values())
        return replace(kept, size_bytes=kept.size_bytes + size, older=older)

    def _at_hand(self, images: Tensor, targets: Labels) -> tuple[Tensor, Labels]:
        if self._warm_up is None:
            return images, targets
        return joined_images([images, self._warm_up[0]]), torch.cat([targets, self._warm_up[1]])

    def _refresh(self, images: Tensor, targets: Labels) -> None:
        last = self.newest
        nets = self._trained(last, images, targets)
        self.newest = self.knobs.replay.start(replace(last.beginning, net=nets))
        self.newest.seen = last.seen
        self.newest.refused.extend(last.refused)
        match self.knobs.older:
            case "migrate":
                self._migrate(last, images)
            case "two deciders":
                self.before = last

    def _trained(self, last: ReplayLearner, images: Tensor, targets: Labels) -> PublicNets:
        """The networks as they were, and the images at hand -> new ones, frozen, that have begun as those."""
        knobs, beginning = self.knobs, last.beginning
        nets = PublicNets(
            featurizer=copy.deepcopy(beginning.net.featurizer).requires_grad_(True),
            decider=copy.deepcopy(last.decider),
            reconstructor=copy.deepcopy(beginning.net.reconstructor).requires_grad_(True),
            spec=beginning.net.spec,
            classes=beginning.net.classes,
        )
        learn(nets.whole_network(), Examples(images, targets), knobs.refresh, beginning, work="refresh", augment=knobs.augment)
        train_reconstructor(
            nets.reconstructor,
            apply(nets.featurizer, beginning.public.images, beginning.compute),
            beginning.public.images,
            knobs.reconstruct,
            compute=beginning.compute,
            rng=beginning.rng,
            report=beginning.report,
        )
        return nets.frozen()

    def _migrate(self, last: ReplayLearner, images: Tensor) -> None:
        """What the last learner kept goes over to the newest; features as the new featurizer would have made them, in the same codec."""
        kept, newest, method = last.memory.shared(), self.newest, self.knobs.replay.method
        if isinstance(kept, SharedFeatures):
            older, newer = (apply(one.beginning.net.featurizer, images, one.beginning.compute) for one in (last, newest))
            self.moved = True
            move = FeatureMap.fitted(older, newer, newest.beginning.net.spec.non_negative)
            kept = SharedFeatures(move(kept.features), kept.labels, method.codec if isinstance(method, WithCodec) else "")
        if kept is None:
            return
        try:
            newest.memory.add(kept, last.memory.arrivals)
        except ReleaseError as err:  # mapped to where they cannot be written: the days go on without them
            newest.refused.append(str(err))
