"""A detector over days whose images go after a day: how well it finds things, what it keeps, and what that tells."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.stopwatch import Stopwatch
from dpm_flower.data.boxed_sources import BoxedData, load_boxed
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.metrics.backward_transfer import backward_transfer
from dpm_flower.metrics.box_precision import BoxPrecision, box_precision
from dpm_flower.metrics.class_precision import class_precisions
from dpm_flower.studies.trials.detection_attacks import USUAL_ATTACKERS, DetectionAttackers, Told
from dpm_flower.studies.trials.detection_release import check_recipe
from dpm_flower.studies.trials.detection_scene import RECEIVERS, DetectionTask, Scene
from dpm_flower.studies.trials.detection_stream import BoxedStream, DetectionDays, box_counts
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.continual.detection.learner import BoxedBeginning, BoxedLearner, BoxedLearning
from dpm_flower.training.continual.detection.replay import BoxedReplay
from dpm_flower.training.continual.learner import Kept

BY_DAY = "mAP50, % by day"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorWarmUp:
    """A thin ResNet's Faster R-CNN of this `depth` is trained on the warm-up images by `pretrain`, and cut at `hook`; by `reconstruct` a
    reconstructor learns on public images to undo its first half. Both once for all trials under a seed.
    """

    depth: int = 8
    hook: str = "conv3_1"
    pretrain: Fitting = Fitting(steps=300, learning_rate=3e-3, batch_size=4)
    reconstruct: Fitting = Fitting(steps=300, learning_rate=3e-3, batch_size=2, weight_decay=0.0)

    def scene(self, stream: BoxedStream, data: BoxedData, ground: Ground) -> Scene:
        """A stream of days -> a scene whose lead has the warm-up images, whose first receiver has all that came and is the victim, and
        whose second is the peer who attacks.
        """
        task = DetectionTask(depth=self.depth, hook=self.hook, pretrain=self.pretrain, reconstruct=self.reconstruct)
        hands = dict(zip(RECEIVERS, (stream.came, stream.peer), strict=True))
        return Scene.among(task, ground, stream.warm_up, stream.public, hands, data)


USUAL_DAYS, USUAL_WARM_UP = DetectionDays(), DetectorWarmUp()


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionOverDays:
    """A way of learning on a stream of days, from the same warmed-up networks as all others under a seed.

    `attackers` are asked about at most `judged` of what is kept in the end. Raises SettingError for fewer than 2, and for a recipe with
    parts that detection has no use for.
    """

    name: str
    learning: BoxedLearning
    days: DetectionDays = USUAL_DAYS
    warm_up: DetectorWarmUp = USUAL_WARM_UP
    attackers: DetectionAttackers = USUAL_ATTACKERS
    judged: int = 60

    def __post_init__(self) -> None:
        if self.judged < 2:
            raise SettingError(f"wanted at least 2 judged, got {self.judged}")
        if isinstance(self.learning, BoxedReplay) and isinstance(self.learning.recipe, DeepPoisoning):
            check_recipe(self.learning.recipe)

    def run(self, ground: Ground) -> Found:
        """Everything from the data to the figures.

        "map50" and "map50_95" after the last day, on test images, "warm_map50" before the first, "mean_map50" over the days;
        "backward_transfer" of average precision at an overlap of a half, see `day_mixes`; "stored_bytes" beside one network;
        "refused_days", of which nothing was kept; what attackers read from what is kept of single images, if anything; and as a cost the
        processors' seconds of learning, without tests and attackers. Costs differ from run to run, nothing else does. Raises DataError,
        before anything is trained, for data by which this cannot be judged.
        """
        data = load_boxed(ground.data)
        _check_judges(data.test)
        stream = self.days.divided(data.train, ground.stream("days"))
        scene = self.warm_up.scene(stream, data, replace(ground, common=ground.common / kept_as("days", repr(self.days))))
        learner = self.learning.start(BoxedBeginning(scene.nets, ground.stream("learner"), ground.compute, ground.report))
        course = _course(learner, stream, data.test)
        kept, map50 = learner.kept, [found.map50 for found in course.found]
        told = self._told(scene, kept, ground)
        figures = {
            "map50": map50[-1],
            "map50_95": course.found[-1].map50_95,
            "warm_map50": map50[0],
            "mean_map50": sum(map50[1:]) / len(map50[1:]),
            "backward_transfer": backward_transfer(course.by_class[1:], day_mixes(stream)),
            "stored_bytes": float(kept.size_bytes),
            "refused_days": float(kept.refused_days),
            COST_PREFIX + "cpu_seconds": course.cpu_seconds,
        }
        curve = tuple((float(day), 100 * share) for day, share in enumerate(map50))
        return Found(figures | dict(told.figures), told.pictures, {BY_DAY: curve})

    def _told(self, scene: Scene, kept: Kept, ground: Ground) -> Told:
        """What A0 and A2 read from what is kept of single images; kept images are their own guess."""
        if kept.shared is None or kept.arrivals is None:
            return Told({}, {})
        chosen = torch.randperm(len(kept.arrivals), generator=ground.stream("judged"))[: self.judged].sort().values
        truth = scene.receivers[RECEIVERS[0]].take(kept.arrivals[chosen])
        if isinstance(kept.shared, SharedFeatures):
            recipe = self.learning.recipe if isinstance(self.learning, BoxedReplay) else None
            return self.attackers.asked_of_kept(scene, recipe, kept.shared.features[chosen], truth)
        return self.attackers.told(scene, truth, dict.fromkeys(("A0", "A2"), as_floats(kept.shared.images[chosen])))


def _check_judges(test: Boxed) -> None:
    """Raises DataError for a class that test images have no box of: whether it is forgotten nobody could say."""
    counts = box_counts(test).sum(0).tolist()
    if missing := [name for name, count in zip(test.class_names, counts, strict=True) if not count]:
        raise DataError(f"wanted test images with boxes of all classes, got none of {', '.join(missing)} in {len(test)} images")


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """Before the first day and after each: how well things are found, at an overlap of a half by class (T + 1,K); seconds of learning."""

    found: tuple[BoxPrecision, ...]
    by_class: Tensor
    cpu_seconds: float


def _course(learner: BoxedLearner, stream: BoxedStream, test: Boxed) -> _Course:
    """Every day in turn."""
    found, by_class, seconds = [], [], 0.0
    for number, boxed in enumerate((stream.warm_up, *stream.days)):
        watch = Stopwatch.start()
        (learner.day if number else learner.warmed)(boxed)
        seconds += watch.costs["cpu_seconds"]
        said = learner.predict(test.images)
        found.append(box_precision(said, test))
        by_class.append(class_precisions(said, test))
    return _Course(tuple(found), torch.stack(by_class), seconds)


def day_mixes(stream: BoxedStream) -> Tensor:
    """A stream -> how much of each class came on each day (T,K): the share of all boxes of that class.

    One set of test images serves for all days, whose precision on a day's mix is the mean of the classes' by these: where days are
    alike each class counts as much as another, as it does in mean average precision, however many more boxes one has. A day without
    boxes has nothing of any.
    """
    counts = torch.stack([box_counts(day).sum(0) for day in stream.days]).double()
    return counts / counts.sum(0).clamp(min=1)
