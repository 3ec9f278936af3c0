"""A learner over days whose images go after a day: how well it tells all classes apart, what it keeps, and what that tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.figures import COST_PREFIX
from dpm_flower.core.protocols import Attack, SharingMethod
from dpm_flower.core.stopwatch import Stopwatch
from dpm_flower.data.sources import load
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.metrics.backward_transfer import backward_transfer, class_recalls
from dpm_flower.studies.trials.days import Days, Stream
from dpm_flower.studies.trials.kept_disclosure import Burglary
from dpm_flower.studies.trials.warm_up import WarmUp
from dpm_flower.training.continual.all_images import AllImages
from dpm_flower.training.continual.learner import Beginning, Learner, Learning
from dpm_flower.training.continual.recalibrated import Recalibrated
from dpm_flower.training.continual.refreshed import RefreshedReplay
from dpm_flower.training.continual.replay import Replay

BY_DAY = "top-1, % by day"
USUAL_DAYS, USUAL_WARM_UP = Days(), WarmUp()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverDays:
    """A way of learning on a stream of days, from the same warmed-up networks as all others under a seed.

    `attacks` are asked about at most `judged` of what is kept in the end. Raises SettingError for fewer than 2 judged or 1 shown.
    """

    name: str
    learning: Learning
    days: Days = USUAL_DAYS
    warm_up: WarmUp = USUAL_WARM_UP
    attacks: tuple[Attack, ...] = ()
    side: int = 32
    judged: int = 500
    shown: int = 10

    def __post_init__(self) -> None:
        if self.judged < 2 or self.shown < 1:
            raise SettingError(f"wanted at least 2 judged and 1 shown, got {self.judged} and {self.shown}")

    def run(self, ground: Ground) -> Found:
        """Everything from the data to the figures.

        "top1" after the last day, on test images of all classes, "warm_top1" before the first, "mean_top1" over the days;
        "backward_transfer" (see metrics/backward_transfer.py); "stored_bytes" beside one network; "refused_days", of which nothing
        was kept; what kept_disclosure.py finds; and as a cost the processors' seconds of learning, without tests and attackers. Costs
        differ from run to run, nothing else does.
        """
        stream = self.days.divided(load(ground.data, self.side), ground)
        net = self.warm_up.networks(stream, ground)
        learner = self.learning.start(Beginning(net, stream.public, ground.stream("learner"), ground.compute, ground.report))
        recalls, top1, seconds = _course(learner, stream)
        mixes = torch.stack([torch.bincount(day.labels, minlength=net.classes) for day in stream.days])
        kept = learner.kept
        told, pictures = Burglary(net, stream, self.attacks, self.judged, self.shown, ground).found(kept, recipe_of(self.learning))
        figures = {
            "top1": top1[-1],
            "warm_top1": top1[0],
            "mean_top1": sum(top1[1:]) / len(top1[1:]),
            "backward_transfer": backward_transfer(recalls[1:], mixes),
            "stored_bytes": float(kept.size_bytes),
            "refused_days": float(kept.refused_days),
            COST_PREFIX + "cpu_seconds": seconds,
        }
        by_day = tuple((float(day), 100 * share) for day, share in enumerate(top1))
        return Found(figures | told, pictures, {BY_DAY: by_day})


def recipe_of(learning: Learning) -> SharingMethod:
    """A way of learning -> how what it keeps of single images is made."""
    match learning:
        case Replay(method=method) | RefreshedReplay(replay=Replay(method=method)):
            return method
        case AllImages():
            return RawImages()
        case Recalibrated(learning=learning):
            return recipe_of(learning)
    return Nothing()


def _course(learner: Learner, stream: Stream) -> tuple[Tensor, Sequence[float], float]:
    """Every day in turn -> recalls by class (T + 1,K) and top-1 before the first day and after each, and the seconds of learning."""
    test, recalls, top1, seconds = stream.test, [], [], 0.0
    for number, images in enumerate((stream.warm_up, *stream.days)):
        watch = Stopwatch.start()
        (learner.day if number else learner.warmed)(images.images, images.labels)
        seconds += watch.costs["cpu_seconds"]
        logits = learner.predict(test.images)
        recalls.append(class_recalls(logits, test.labels))
        top1.append(float((logits.argmax(1) == test.labels).double().mean()))
    return torch.stack(recalls), top1, seconds
