"""What trials of detection build on: who has which images with boxes, and public networks that the lead has trained, once."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.kept_weights import reconstructor_once, trained_once
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.data.boxed_sources import BoxedData, load_boxed
from dpm_flower.metrics.box_precision import BoxPrecision, box_precision
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.nets.detector_split import DetectionDecider
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.detection import BoxedExamples, detections, through, train_detector

RECEIVERS = ("a", "b")  # who refine their deciders, and release to each other
LEAST_IMAGES = 2  # batch statistics need two


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTask:
    """Training images are dealt out: a share `public`, a share `lead` to who pre-trains, the rest in halves to the two receivers.

    The detector is a thin ResNet's of this `depth`, cut at `hook`. `pretrain` fits it on the lead's images, `reconstruct` the public
    reconstructor on the public ones, `refine` every receiver's decider. Raises SettingError for knobs that cannot work.
    """

    depth: int = 8
    hook: str = "conv3_1"
    public: float = 0.2
    lead: float = 0.3
    pretrain: Fitting = Fitting(steps=400, learning_rate=3e-3, batch_size=4)
    reconstruct: Fitting = Fitting(steps=300, learning_rate=3e-3, batch_size=2, weight_decay=0.0)
    refine: Fitting = Fitting(steps=120, learning_rate=1e-3, batch_size=4)

    def __post_init__(self) -> None:
        if not (self.public > 0 and self.lead > 0 and self.public + self.lead < 1):
            raise SettingError(f"wanted shares above 0 that leave something to the receivers, got {self.public} and {self.lead}")
        for fitting in (self.pretrain, self.reconstruct, self.refine):
            fitting.check_no_patience("networks of a trial are trained")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Whose images are whose, and the public networks, frozen."""

    task: DetectionTask
    ground: Ground
    lead: Boxed
    public: Boxed
    receivers: Mapping[str, Boxed]
    validation: Boxed
    test: Boxed
    nets: DetectionNets

    @classmethod
    def of(cls, task: DetectionTask, ground: Ground) -> "Scene":
        """A task, and the ground of a trial -> the scene; its networks are trained once for all trials under the same seed.

        Raises DataError for data with too few images.
        """
        data = load_boxed(ground.data)
        lead, public, *receivers = _dealt(task, data, ground)
        return cls.among(task, ground, lead, public, dict(zip(RECEIVERS, receivers, strict=True)), data)

    @classmethod
    def among(
        cls, task: DetectionTask, ground: Ground, lead: Boxed, public: Boxed, receivers: Mapping[str, Boxed], data: BoxedData
    ) -> "Scene":
        """As `of`, however the training images were dealt out: who deals otherwise has another `ground.common`, where networks lie."""
        size, classes = data.train.size, len(data.train.class_names)
        nets = DetectionNets.assemble(task.depth, task.hook, size, classes, ground.stream("public networks"))
        scene = cls(task, ground, lead, public, receivers, data.validation, data.test, nets)
        scene._train()
        return replace(scene, nets=nets.frozen())

    @property
    def common(self) -> Path:
        """Where networks lie that are the same for all trials of this task."""
        return self.ground.common / kept_as("detection", repr(self.task))

    def raw(self, images_N3HW: Tensor) -> Tensor:
        """Images -> raw features (N,C,h,w)."""
        return self.through(self.nets.featurizer, images_N3HW)

    def through(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """A network and inputs (N,...) -> its outputs, float32 on the CPU."""
        return through(network, inputs, self.ground.compute)

    def refined(self, examples: BoxedExamples, owner: str, folder: Path) -> DetectionDecider:
        """What an owner has to learn from, and where its decider is kept -> the public decider, refined. Source: Deep Poisoning, step 3."""
        decider = copy.deepcopy(self.nets.decider).requires_grad_(True)
        self.detecting(decider, examples, self.task.refine, self.ground.stream("decider", owner), folder)
        return decider

    def detecting(
        self, network: nn.Module, examples: BoxedExamples, fitting: Fitting, rng: torch.Generator, folder: Path, *, flip: bool = False
    ) -> None:
        """Trains a decider on features or a detector on images, once; what was trained lies in the folder."""

        def train(checkpoint: Path) -> None:
            train_detector(
                network,
                examples,
                fitting,
                compute=self.ground.compute,
                rng=rng,
                work=folder.name,
                augment=flipped if flip else None,
                report=self.ground.report,
                checkpoint=checkpoint,
            )

        trained_once(network, folder, train, self.ground.compute)

    def precision(self, decider: DetectionDecider, features_NChw: Tensor, truth: Boxed) -> BoxPrecision:
        """A decider, features and what is in their images -> its mean average precision."""
        return box_precision(detections(decider, features_NChw, self.ground.compute), truth)

    def _train(self) -> None:
        task, nets, ground = self.task, self.nets, self.ground
        whole, lead = nets.whole_network(), BoxedExamples.of(self.lead)
        self.detecting(whole, lead, task.pretrain, ground.stream("detector"), self.common / "detector", flip=True)
        reconstructor_once(
            nets.reconstructor,
            self.common / "reconstructor",
            lambda: (self.raw(self.public.images), self.public.images),
            task.reconstruct,
            compute=ground.compute,
            rng=ground.stream("reconstructor"),
            report=ground.report,
        )


def _dealt(task: DetectionTask, data: BoxedData, ground: Ground) -> tuple[Boxed, ...]:
    """The lead's images, the public ones, and each receiver's; no image is in two of them."""
    order = torch.randperm(len(data.train), generator=ground.stream("owners"))
    lead, public = (round(share * len(order)) for share in (task.lead, task.public))
    half = (len(order) - lead - public) // 2
    if min(lead, public, half) < LEAST_IMAGES:
        raise DataError(f"wanted at least {LEAST_IMAGES} images for everybody, got {lead} for the lead, {public} public, {half} each")
    return tuple(data.train.take(part) for part in torch.split(order, [lead, public, half, len(order) - lead - public - half]))
