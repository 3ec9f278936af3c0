"""Replay: of each day's images stays what a sharing method makes of them, and the decider is refined on all of it every day."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError, TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, Labels, as_bytes
from dpm_flower.core.protocols import Preparation, SharingMethod
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import Decider
from dpm_flower.core.unpaired import images_behind
from dpm_flower.training.continual.learner import DAILY, Beginning, Kept, learn
from dpm_flower.training.continual.memory import Memory
from dpm_flower.training.prediction import apply
from dpm_flower.training.row_store import Joined
from dpm_flower.training.supervised import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The featurizer stays as it was warmed up, or what is kept would become unreadable; the decider learns.

    `method` says what is kept, as it says what is released: poisoned features, raw ones (what poisoning costs), images made up by a
    generator (generative replay), nothing. It is prepared anew for each day's images, and what it holds of secrets is gone by the
    evening: a module that was kept would lie beside the features that it is to hide, and whoever came for those could try it out.
    `budget_bytes` bounds what is kept (see memory.py). With `held_out` that share of the day's images is kept from the method, for what
    it must compare or calibrate with, and nothing of them stays. Where the method itself refuses (a generator that has learnt images by
    heart) or its training fails, nothing of that day is kept, and the day counts as refused. Raises SettingError for knobs that cannot
    work.
    """

    method: SharingMethod
    budget_bytes: int | None = None
    held_out: float = 0.0
    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise SettingError(f"held_out must lie in [0, 1), got {self.held_out}")

    def start(self, beginning: Beginning) -> "ReplayLearner":
        """A copy of the warmed-up decider, and nothing kept yet."""
        decider = copy.deepcopy(beginning.net.decider).requires_grad_(True)
        return ReplayLearner(self, beginning, decider, Memory(self.budget_bytes, child_stream(beginning.rng)))


@dataclass(slots=True, eq=False)
class ReplayLearner:
    """The decider as the last day left it, and what is kept; `seen` counts all images, `refused` says why nothing stayed of some days."""

    knobs: Replay
    beginning: Beginning
    decider: Decider
    memory: Memory
    seen: int = 0
    refused: list[str] = field(default_factory=list)

    def warmed(self, images: Tensor, targets: Labels) -> None:
        """The images of the warm-up (N,3,H,W) with class numbers (N,) -> what is to stay of them is kept."""
        self._keep(images, targets)

    def day(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the decider is refined on them, and what is to stay of them is kept."""
        self.refine(images, targets)
        self._keep(images, targets)

    def refine(self, images: Tensor, targets: Labels) -> None:
        """A day's images (N,3,H,W) with class numbers (N,) -> the decider is refined on their raw features and all that is kept."""
        parts, labels = [self._features(images)], [targets]
        kept = self.memory.shared()
        if kept is not None:
            parts.append(kept.features if isinstance(kept, SharedFeatures) else self._features(kept.images))
            labels.append(kept.labels)
        examples, beginning = Examples(Joined(parts), torch.cat(labels)), self.beginning
        learn(self.decider, examples, self.knobs.fitting, beginning, featurizer=beginning.net.featurizer)

    def predict(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> logits (N,K)."""
        return apply(self.decider, self._features(images), self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """What the method made of images, as far as the budget goes."""
        return Kept(self.memory.size_bytes, self.memory.shared(), self.memory.arrivals, len(self.refused), self.beginning.net)

    def _features(self, images: Tensor) -> Tensor:
        """Raw features, which are never written anywhere: a cache would keep them longer than the images may be kept."""
        return apply(self.beginning.net.featurizer, images, self.beginning.compute)

    def _keep(self, images: Tensor, targets: Labels) -> None:
        everything = Labelled(images, targets, self.beginning.net.classes)
        order = torch.randperm(len(images), generator=self.beginning.rng)
        apart = order[: round(self.knobs.held_out * len(images))]
        chosen = order[len(apart) :].sort().values
        private = everything.take(chosen)
        try:
            batch = self._shared(private, everything.take(apart) if len(apart) else private)
            if batch is not None:
                self.memory.add(batch, self.seen + chosen[images_behind(self.knobs.method, private.labels, batch)])
        except (ReleaseError, TrainingError) as err:
            self.refused.append(str(err))
        self.seen += len(images)

    def _shared(self, private: Labelled, validation: Labelled) -> SharedBatch | None:
        """What a fresh sharer makes of the day's images; it holds the day's secrets, and nobody holds it."""
        preparation = Preparation(
            net=self.beginning.net,
            private=private,
            validation=validation,
            public=self.beginning.public,
            rng=child_stream(self.beginning.rng),
            compute=self.beginning.compute,
            report=self.beginning.report,
            features=self._features,
        )
        sharer = self.knobs.method.prepare(preparation)
        if sharer is None:
            return None
        batch = sharer.share(private.images, private.labels)
        return SharedImages(as_bytes(batch.images), batch.labels) if isinstance(batch, SharedImages) else batch
