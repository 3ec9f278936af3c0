"""Rate against accuracy and leakage: what leaves for an image, coded at one quality, is read by the decider and by an attacker."""

from dataclasses import dataclass, replace
from typing import get_args

import torch
from torch import Tensor

from dpm_flower.core.codec_name import codec_of
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.studies.trials.coding_scene import USUAL_TASK, CodingTask, Scene
from dpm_flower.studies.trials.coding_systems import System
from dpm_flower.studies.trials.picture_files import PictureFormat, picture_file, picture_of, released_bytes
from dpm_flower.training.prediction import accuracy, apply

PICTURES = 8  # of the first test images, shown beside the attacker's guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedTrial:
    """What a `system` sends for the test images, coded by one of the `codecs` that its attacker has learnt from.

    Figures: bytes and bits per pixel of one image, labels and all; accuracy of the decider on what was decoded, and on the raw features;
    PSNR and SSIM of the attacker's guesses, and the PSNR of the classes' mean images. Raises SettingError for an unknown codec, and
    for fewer pairs than codecs, of which the attacker then could not learn each.
    """

    name: str
    system: System
    codec: str
    codecs: tuple[str, ...]
    task: CodingTask = USUAL_TASK

    def __post_init__(self) -> None:
        for codec in (self.codec, *self.codecs):
            codec_of(codec)
        if self.codec not in self.codecs:
            raise SettingError(f"wanted a codec of {', '.join(self.codecs)}, which the attacker learns from, got {self.codec!r}")
        if self.task.pairs < len(self.codecs):
            raise SettingError(f"wanted as many pairs for an attacker as there are codecs, {len(self.codecs)}, got {self.task.pairs}")

    def run(self, ground: Ground) -> Found:
        """Trains what no trial before it has trained, then codes, decodes and judges."""
        scene = self.task.scene(ground)
        cut = self.system.cut(scene)
        decoded, size = scene.released(cut.sent(scene.test_features), self.codec)
        attacker = scene.attacker(repr(self.system), cut.sent, self.codecs)
        guesses = apply(attacker, decoded, ground.compute).clamp(0.0, 1.0)
        answers = accuracy(scene.nets.decider, cut.read(decoded), scene.test.labels, ground.compute)
        return _found(scene, size, answers.top1, guesses)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTrial:
    """The test images themselves as JPEG or AVIF files of one `quality`; figures as in `CodedTrial`, and the decoded image is the guess.

    "bytes" and "bpp" are a file's, without its label. It holds all that a picture viewer needs: of a small JPEG, most bytes are tables.
    "bytes_shared" is what compares with coded features: tables and headers once for all images, labels and all. Raises SettingError for
    another quality than 1 to 100.
    """

    name: str
    format: PictureFormat
    quality: int
    task: CodingTask = USUAL_TASK

    def __post_init__(self) -> None:
        if self.format not in get_args(PictureFormat) or not 1 <= self.quality <= 100:
            raise SettingError(f"wanted JPEG or AVIF of a quality from 1 to 100, got {self.format!r} {self.quality}")

    def run(self, ground: Ground) -> Found:
        """Codes and decodes each image by itself, and asks the whole network."""
        scene = self.task.scene(ground)
        images = list(as_bytes(scene.test.images).permute(0, 2, 3, 1).numpy())
        files = [picture_file(image, self.format, self.quality) for image in images]
        decoded = torch.stack([picture_of(file) for file in files])
        answers = accuracy(scene.nets.whole_network(), decoded, scene.test.labels, ground.compute)
        found = _found(scene, sum(map(len, files)) / len(files), answers.top1, as_floats(decoded))
        shared = released_bytes(images, scene.test.labels, self.format, self.quality) / len(images)
        return replace(found, figures={**found.figures, "bytes_shared": shared})


def _found(scene: Scene, size: float, top1: float, guesses: Tensor) -> Found:
    raw = accuracy(scene.nets.decider, scene.test_features, scene.test.labels, scene.ground.compute).top1
    figures = {"bytes": size, "bpp": 8 * size / scene.task.side**2, "top1": top1, "top1_raw": raw, **scene.leakage(guesses)}
    truth = as_floats(scene.test.images[:PICTURES])
    return Found(figures, {"image": truth, "guess": guesses[:PICTURES]})
