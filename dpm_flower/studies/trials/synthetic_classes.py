"""A classifier trained on what stands in for an entity's images, and tested on real ones."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labelled, as_bytes, as_floats
from dpm_flower.data.sources import load
from dpm_flower.data.stratified import stratified_split
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.metrics.copying import nearest
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.training.prediction import accuracy
from dpm_flower.training.supervised import Examples, train_classifier

TaughtBy: TypeAlias = Literal["real", "synthetic", "class means", "nearest class mean"]
USUAL_METHOD = SyntheticImages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """A fresh `backbone` learns from an entity's `images`, from as many made-up ones, or from their classes' means in their place.

    As many again as half of them are held out for the gate of `method`; both are drawn from the training images of `side` pixels.
    The same steps and labels whatever it learns from; all test images are real. A deep network is a poor way to use a few means: "nearest
    class mean" learns nothing and names the class whose mean an image lies nearest to, pixel by pixel, and what is to teach more than
    means do has to beat that as well. Raises SettingError for knobs that cannot work.
    """

    name: str
    taught_by: TaughtBy
    images: int = 2000
    side: int = 32
    backbone: str = "resnet20"
    method: SyntheticImages = USUAL_METHOD
    fitting: Fitting = Fitting(steps=500, learning_rate=1e-2)
    augment: Augmentation = "shift"
    shown: int = 20

    def __post_init__(self) -> None:
        if self.taught_by not in get_args(TaughtBy):
            raise SettingError(f"taught_by must be one of {', '.join(get_args(TaughtBy))}, got {self.taught_by!r}")
        if self.images < 2 or self.shown < 1:
            raise SettingError(f"wanted at least 2 images and 1 shown, got {self.images} and {self.shown}")

    def run(self, ground: Ground) -> Found:
        """Everything from the data to top-1 on real test images; raises ReleaseError where the gate lets no made-up images pass."""
        data = load(ground.data, self.side)
        own, held_out = self._parted(data.train, ground)
        figures, pictures = dict[str, float](), {"real": as_floats(own.images[: self.shown])}
        lessons: Tensor = own.images
        if self.taught_by == "nearest class mean":
            means = class_mean_guess(torch.arange(own.classes), own).images
            right = nearest(data.test.images, means).which == data.test.labels
            return Found({"top1": float(right.double().mean())}, pictures | {self.taught_by: means})
        if self.taught_by == "synthetic":
            sharer = self.method.learnt(own, held_out, compute=ground.compute, rng=ground.stream("synthetic"), report=ground.report)
            lessons, figures = sharer.share(own.images, own.labels).images, dict(sharer.figures)
        elif self.taught_by == "class means":
            lessons = as_bytes(class_mean_guess(own.labels, own).images)
        if self.taught_by != "real":
            pictures[self.taught_by] = as_floats(lessons[: self.shown])
        classifier = build_backbone(self.backbone, data.train.classes, ground.stream("classifier"))
        train_classifier(
            classifier,
            Examples(lessons, own.labels),
            self.fitting,
            compute=ground.compute,
            rng=ground.stream("lessons"),
            work="classifier",
            augment=self.augment,
            report=ground.report,
        )
        return Found(accuracy(classifier, data.test.images, data.test.labels, ground.compute).figures | figures, pictures)

    def _parted(self, training: Labelled, ground: Ground) -> tuple[Labelled, Labelled]:
        """Training images -> the entity's own, and half as many that are held out, both with the class mix of all."""
        wanted = self.images + self.images // 2
        if len(training) < wanted:
            raise SettingError(f"wanted {wanted} training images, {self.images} and half as many held out, got {len(training)}")
        order = torch.randperm(len(training), generator=ground.stream("images"))
        own, rest = stratified_split(order, training.labels, self.images)
        held_out, _ = stratified_split(rest, training.labels, wanted - self.images)
        return training.take(own), training.take(held_out)
