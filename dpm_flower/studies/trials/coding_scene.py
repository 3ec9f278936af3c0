"""What trials of coding build on: images, a backbone and a reconstructor that are trained once, and an attacker on what was decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.kept_weights import reconstructor_once, trained_once
from dpm_flower.attacks.scoring import HIGHEST_PSNR
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.labelled import Labelled, as_floats
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.sources import load
from dpm_flower.metrics.pixel_error import sign_aware_psnr
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.payload.codec import as_received, encode
from dpm_flower.payload.packing import packed
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.features import FeatureCache
from dpm_flower.training.supervised import Examples, train_classifier

Through: TypeAlias = Callable[[Tensor], Tensor]  # features (N,C,h,w) -> others (N,c,h,w)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingTask:
    """A classifier of images of `side` pixels, cut at `hook`: all training images are its own, the systems' and the attackers'.

    `reconstruct` trains the public reconstructor that a Deep Poisoning Module hides from; `attack` trains every attacker, on `pairs` of
    the images, drawn at random, with what was decoded for them. Raises SettingError for fewer than two pairs, and for a patience, since
    nothing is trained with validation images here.
    """

    side: int = 32
    backbone: str = "resnet20"
    hook: str = "conv4_1"
    pretrain: Fitting = Fitting(steps=600, learning_rate=1e-2)
    augment: Augmentation = "shift-flip"
    reconstruct: Fitting = Fitting(steps=300, learning_rate=3e-3, weight_decay=0.0)
    attack: Fitting = Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0)
    pairs: int = 4000

    def __post_init__(self) -> None:
        if self.pairs < 2:
            raise SettingError(f"wanted at least 2 pairs for an attacker, got {self.pairs}")
        for fitting in (self.pretrain, self.reconstruct, self.attack):
            fitting.check_no_patience("networks of a trial are trained")

    def scene(self, ground: Ground) -> "Scene":
        """The data and the seed -> images with their features, and public networks; those are trained once for all trials."""
        data = load(ground.data, self.side)
        nets = self._nets(data.train, ground)
        features = _features(nets, ground)
        return Scene(self, ground, nets, data.train, data.test, features(data.train.images), features(data.test.images))

    def _nets(self, train: Labelled, ground: Ground) -> PublicNets:
        nets = PublicNets.assemble(self.backbone, self.hook, self.side, train.classes, ground.stream("initialisation"))
        network = nets.whole_network()
        compute, report = ground.compute, ground.report
        folder = ground.common / kept_as("public", repr((self.side, self.backbone, self.hook, self.pretrain, self.augment)))

        def train_backbone(checkpoint: Path) -> None:
            train_classifier(
                network,
                Examples(train.images, train.labels),
                self.pretrain,
                compute=compute,
                rng=ground.stream("backbone"),
                work="backbone",
                augment=self.augment,
                report=report,
                checkpoint=checkpoint,
            )

        trained_once(network, folder / "backbone", train_backbone, compute)
        reconstructor_once(
            nets.reconstructor,
            folder / kept_as("reconstructor", repr(self.reconstruct)),
            lambda: (_features(nets, ground)(train.images), train.images),
            self.reconstruct,
            compute=compute,
            rng=ground.stream("reconstructor"),
            report=report,
        )
        return nets.frozen().placed(compute)


USUAL_TASK = CodingTask()


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Training and test images with their features z (N,C,h,w), and the frozen public networks."""

    task: CodingTask
    ground: Ground
    nets: PublicNets
    train: Labelled
    test: Labelled
    train_features: Tensor
    test_features: Tensor

    def released(self, sent: Tensor, codec: str) -> tuple[Tensor, float]:
        """What is sent for all test images (N,c,h,w), and a codec -> the same as decoded, and its bytes per image.

        Bytes are those of a release's shards, labels, bounds and all.
        """
        batch = SharedFeatures(sent, self.test.labels, codec)
        size = sum(packed(shard).size_bytes for shard in encode(batch))
        return self.received(sent, codec), size / len(sent)

    def received(self, sent: Tensor, codec: str) -> Tensor:
        """What is sent (N,c,h,w), and a codec -> the same as decoded."""
        received = as_received(SharedFeatures(sent, torch.zeros(len(sent), dtype=torch.int64), codec))
        assert isinstance(received, SharedFeatures)  # features stay features
        return received.features

    def attacker(self, name: str, through: Through, codecs: tuple[str, ...]) -> nn.Module:
        """A system's name, what it sends for features, and the codecs in use -> a fresh reconstructor that has learnt from what is decoded.

        Each codec codes its share of the images, so that one attacker knows them all; it is trained once. Fewer channels than the
        features have are mixed to as many before: a reconstructor is as wide as what it is given, and a narrow one sees less in anything.
        """
        channels, height, width = through(self.test_features[:1]).shape[1:]
        wide = max(channels, self.nets.spec.shape[0])
        with global_generator_from(self.ground.stream("attacker", name)):
            network: nn.Module = Reconstructor((wide, height, width), self.task.side)
            if channels < wide:
                network = nn.Sequential(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), network)

        def examples() -> tuple[Tensor, Tensor]:
            owned = torch.randperm(len(self.train), generator=self.ground.stream("pairs"))[: self.task.pairs]
            sent = through(self.train_features[owned])
            decoded = torch.empty_like(sent)
            for place, codec in enumerate(codecs):
                decoded[place :: len(codecs)] = self.received(sent[place :: len(codecs)], codec)
            return decoded, self.train.images[owned]

        known = (self.task, codecs, name, "widened") if channels < wide else (self.task, codecs, name)
        return reconstructor_once(
            network,
            self.ground.common / kept_as("attacker", repr(known)),
            examples,
            self.task.attack,
            compute=self.ground.compute,
            rng=self.ground.stream("attacker", name, "training"),
            report=self.ground.report,
        )

    def leakage(self, guesses: Tensor) -> dict[str, float]:
        """Guesses of all test images, floats -> their PSNR and SSIM, and the PSNR of who knows the labels only."""
        truth = as_floats(self.test.images)
        label = class_mean_guess(self.test.labels, self.train).images
        return {
            "psnr": _decibels(truth, guesses),
            "ssim": float(sign_aware_ssim(truth, guesses).mean()),
            "psnr_label": _decibels(truth, label),
        }


def _features(nets: PublicNets, ground: Ground) -> FeatureCache:
    return FeatureCache(nets.featurizer, ground.compute, ground.common / "features")


def _decibels(truth: Tensor, guesses: Tensor) -> float:
    return float(sign_aware_psnr(truth, guesses).clamp_max(HIGHEST_PSNR).mean())
