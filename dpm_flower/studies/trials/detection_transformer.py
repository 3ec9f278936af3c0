"""Detection by vision transformers that learn from images, in clear or mixed: how well they find things, and what mixed ones tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.shared import SharedImages
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.letterbox import Letterbox
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.metrics.box_precision import BoxPrecision, box_precision
from dpm_flower.nets.encryption import enlarged, reduced
from dpm_flower.nets.patches import columns_of
from dpm_flower.nets.pevit import VisionTransformer, VitSize
from dpm_flower.nets.yolos import Yolos
from dpm_flower.payload.codec import decode, encode
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.studies.trials.detection_mixed import USUAL_ATTACKERS, MixedAttackers
from dpm_flower.studies.trials.detection_scene import RECEIVERS, DetectionTask, Scene
from dpm_flower.studies.trials.encrypted import released_by
from dpm_flower.training.detection import BoxedExamples, detections
from dpm_flower.training.set_loss import SetDetector

LEAD = "lead"
USUAL_TASK = DetectionTask()
SMALL = VitSize(96, 3, 3)  # half of the blocks of "mini": a step takes a tenth of a second of one core
FROM_SCRATCH = Fitting(steps=2400, learning_rate=1e-3, batch_size=8, weight_decay=1e-4, schedule="warm-cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTransformer:
    """A vision transformer with detection `tokens`, trained from scratch by `fitting` on squares of `side` pixels in patches of `patch`.

    Raises SettingError for patches that do not fill the side, less than one token, and a patience.
    """

    side: int = 128
    patch: int = 16
    size: VitSize = SMALL
    tokens: int = 60
    fitting: Fitting = FROM_SCRATCH

    def __post_init__(self) -> None:
        columns_of(self.side, self.patch)
        if self.tokens < 1:
            raise SettingError(f"wanted at least one token, got {self.tokens}")
        self.fitting.check_no_patience("networks of a trial are trained")

    def fresh(self, classes: int, rng: torch.Generator) -> SetDetector:
        """How many classes of things, and a stream -> an untrained detector; equal streams, equal weights."""
        with global_generator_from(rng):
            body = VisionTransformer(self.side, self.patch, 1, "learned", self.size)  # its head, of one class, stays behind
            return SetDetector(Yolos(body, classes, self.tokens))


USUAL = DetectionTransformer()


@dataclass(frozen=True, slots=True, eq=False)
class SentImages:
    """What a reader gets: squares as bytes, mixed ones enlarged again, with the boxes in them; and how many bytes all of it takes."""

    squares: Boxed
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerOnImages:
    """Each receiver trains a transformer from scratch on the lead's images and its own; `pooled`, on those of the other receiver too.

    Images are in clear, or all of them mixed by `method`, the receiver's own and those of the test as well: without a key they lie in
    one space. Batches are flipped as they were received: a mixed image, flipped, is the flipped image, mixed. `attackers` are asked
    about what the first receiver released, where that was mixed; they alone have the public images.
    Raises SettingError for a method whose patches are not the tokens. Source: arXiv 2306.03679, its detection with MI.
    """

    name: str
    pooled: bool
    method: MixedImages | None = None
    task: DetectionTask = USUAL_TASK
    transformer: DetectionTransformer = USUAL
    attackers: MixedAttackers = USUAL_ATTACKERS

    def __post_init__(self) -> None:
        if self.method is not None and self.method.patch != self.transformer.patch:
            raise SettingError(f"tokens are the patches that were mixed, of {self.method.patch} pixels, got {self.transformer.patch}")

    def run(self, ground: Ground) -> Found:
        """-> "map50" and "map50_95" on test images, boxes brought back to the images' own size: means over both receivers.

        Where each has its own detector also "map50_a" and "map50_b"; where images are pooled "sent_bytes", a mean over both receivers;
        where those are mixed what attackers got.
        """
        scene = Scene.of(self.task, ground)
        letterbox = Letterbox(scene.test.size, self.transformer.side)
        owners = {LEAD: scene.lead} | dict(scene.receivers)
        sent = {owner: self._sent(letterbox.boxed(part), ground) for owner, part in owners.items()}
        if not self.pooled:
            by_owner = {owner: self._precision(scene, letterbox, {who: sent[who] for who in (LEAD, owner)}) for owner in RECEIVERS}
            return Found(_means(list(by_owner.values())) | {f"map50_{owner}": one.map50 for owner, one in by_owner.items()})
        together = self._precision(scene, letterbox, sent)  # both receivers have the same to learn from
        figures = _means([together]) | {"sent_bytes": fmean(float(sent[owner].size_bytes) for owner in RECEIVERS)}
        if self.method is None:
            return Found(figures)
        told = self.attackers.asked(scene, self.method, letterbox, sent[RECEIVERS[0]].squares.images)
        return Found(figures | dict(told.figures), told.pictures)

    def _seen(self, squares_N3SS: Tensor, ground: Ground) -> Tensor:
        """Squares, bytes -> what detectors see of them, bytes."""
        return released_by(None if self.method is None else self.method.encryption, squares_N3SS, ground, "mixing")

    def _sent(self, squares: Boxed, ground: Ground) -> SentImages:
        """Squares with boxes -> what their reader gets, encoded and decoded; mixed ones travel half as large, boxes beside.

        Raises ReleaseError for what cannot be released.
        """
        seen = self._seen(squares.images, ground)
        leaving = seen if self.method is None else reduced(seen)
        shards = encode(SharedImages(leaving, torch.zeros(len(squares), dtype=torch.int64)))
        shape = (leaving.shape[1], leaving.shape[2], leaving.shape[3])
        came = decode(shards, ImageSpec(shape=shape), classes=1, samples=len(squares))
        if not isinstance(came, SharedImages):
            raise SettingError(f"wanted images back, got {type(came).__name__}")
        images = came.images if self.method is None else enlarged(came.images)
        beside = sum(one.numel() * one.element_size() for one in (*squares.boxes, *squares.labels))
        received = Boxed(images, squares.boxes, squares.labels, squares.class_names)
        return SentImages(received, sum(shard.size_bytes for shard in shards) + beside)

    def _precision(self, scene: Scene, letterbox: Letterbox, sent: Mapping[str, SentImages]) -> BoxPrecision:
        """Whose images to learn from -> how well the detector that learnt from them finds what is in test images."""
        ground, name = scene.ground, " ".join(("transformer", *sent))
        lessons = BoxedExamples.of(joined([one.squares for one in sent.values()]))
        network = self.transformer.fresh(len(scene.test.class_names), ground.stream("transformer"))
        scene.detecting(network, lessons, self.transformer.fitting, ground.stream(name), ground.folder / name, flip=True)
        test = self._seen(letterbox.images(scene.test.images), ground)
        found = detections(network, as_floats(test), ground.compute)
        return box_precision([one | {"boxes": letterbox.boxes_back(one["boxes"])} for one in found], scene.test)


def _means(precisions: Sequence[BoxPrecision]) -> dict[str, float]:
    return {"map50": fmean(one.map50 for one in precisions), "map50_95": fmean(one.map50_95 for one in precisions)}
