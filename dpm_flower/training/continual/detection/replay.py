"""Replay for detectors: of each day's images stay features, poisoned or raw, and boxes; the decider is refined on all of it every day."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import ReleaseError, SettingError, TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.nets.detector_split import DetectionDecider, Target
from dpm_flower.training.continual.detection.learner import DAILY, BoxedBeginning, learn
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.continual.memory import Memory
from dpm_flower.training.detection import BoxedExamples, detections
from dpm_flower.training.detection_poisoning import ModuleRecipe, train_boxed_module
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedReplay:
    """The featurizer stays as it was warmed up, or what is kept would become unreadable; the decider learns.

    By `recipe` a fresh module is trained for each day's images, the warm-up's too, and is gone by the evening: one that was kept would
    lie beside the features that it is to hide. Without a recipe raw features stay, which is what poisoning costs. Boxes and what is
    in them stay in clear. A day of which features cannot be kept counts as refused. One that `keeps` nothing learns from each day alone,
    which is what the frozen featurizer does without replay. Raises SettingError for a recipe by which nothing is kept, and a patience.
    """

    recipe: ModuleRecipe | None
    keeps: bool = True
    fitting: Fitting = DAILY

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("a day is learnt from")
        if self.recipe is not None and not self.keeps:
            raise SettingError(f"wanted no recipe where nothing is kept, got {self.recipe}")

    def start(self, beginning: BoxedBeginning) -> "BoxedReplayLearner":
        """A copy of the warmed-up decider, and nothing kept yet."""
        decider = copy.deepcopy(beginning.nets.decider).requires_grad_(True)
        return BoxedReplayLearner(self, beginning, decider, Memory(None, child_stream(beginning.rng)))


@dataclass(slots=True, eq=False)
class BoxedReplayLearner:
    """The decider as the last day left it, and what is kept; `seen` counts all images, `refused` says why nothing stayed of some days."""

    knobs: BoxedReplay
    beginning: BoxedBeginning
    decider: DetectionDecider
    memory: Memory
    boxes: list[Tensor] = field(default_factory=list)
    labels: list[Tensor] = field(default_factory=list)
    seen: int = 0
    refused: list[str] = field(default_factory=list)

    def warmed(self, boxed: Boxed) -> None:
        """The images of the warm-up with boxes -> what is to stay of them is kept."""
        self._keep(boxed)

    def day(self, boxed: Boxed) -> None:
        """A day's images with boxes -> the decider is refined on their raw features and all that is kept, then they are kept too."""
        examples = BoxedExamples.of(boxed, self.beginning.raw(boxed.images))
        kept = self.memory.shared()
        if isinstance(kept, SharedFeatures):
            examples = examples.with_more(BoxedExamples(kept.features, tuple(self.boxes), tuple(self.labels)))
        learn(self.decider, examples, self.knobs.fitting, self.beginning)
        self._keep(boxed)

    def predict(self, images: Tensor) -> list[Target]:
        """Images (N,3,H,W) -> detections."""
        return detections(self.decider, self.beginning.raw(images), self.beginning.compute)

    @property
    def kept(self) -> Kept:
        """Features, with the boxes in their images."""
        beside = sum(each.nbytes for each in (*self.boxes, *self.labels))
        return Kept(self.memory.size_bytes + beside, self.memory.shared(), self.memory.arrivals, len(self.refused))

    def _keep(self, boxed: Boxed) -> None:
        if not self.knobs.keeps:
            return
        arrivals = self.seen + torch.arange(len(boxed))
        try:
            self.memory.add(SharedFeatures(self._hidden(boxed), torch.zeros(len(boxed), dtype=torch.int64)), arrivals)
            self.boxes.extend(boxed.boxes)
            self.labels.extend(boxed.labels)
        except (ReleaseError, TrainingError) as err:
            self.refused.append(str(err))
        self.seen += len(boxed)

    def _hidden(self, boxed: Boxed) -> Tensor:
        """A day's images -> their features as they are to be kept; the module that made them is nobody's afterwards."""
        raw, recipe, compute = self.beginning.raw(boxed.images), self.knobs.recipe, self.beginning.compute
        if recipe is None:
            return raw
        rng = child_stream(self.beginning.rng)
        module = recipe.fresh_module(self.beginning.nets.spec, rng)
        train_boxed_module(module, recipe, self.beginning.nets, boxed, raw, compute=compute, rng=rng, report=self.beginning.report)
        return apply(module, raw, compute)
