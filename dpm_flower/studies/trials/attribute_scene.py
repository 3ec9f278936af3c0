"""What trials with attributes build on: who has which images, and public networks for half of the attributes, trained once."""

import copy
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.kept_weights import reconstructor_once, trained_once
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.attributed import Attributed, attributed
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.nets.obfuscator import VggObfuscator
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier

BACKBONE, HOOK = "vgg16_bn", "pool2"
LEAST_IMAGES = 2  # batch statistics need two


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTask:
    """Images of `side` pixels; the first `utility` attributes are the task, all others are private.

    A share `own` of the training images is the entity's: it trains the classifier on them and protects them. The others are public: the
    reconstructor and all attackers learn from them. The networks are VGG16's with batch norms: `width` channels in the first stage (64
    as published), cut behind the second pooling, `convolutions` in each stage behind it ((3, 3, 3) as published); classifiers of
    attackers have those too. `pretrain` fits the classifier, `reconstruct` every reconstructor, `read` every attacker's classifier.
    Raises SettingError for knobs that cannot work.
    """

    side: int = 64
    utility: int = 20
    own: float = 0.5
    width: int = 8
    convolutions: tuple[int, ...] = (1, 1)
    pretrain: Fitting = Fitting(steps=300, learning_rate=5e-3, batch_size=32)
    augment: Augmentation = "shift-flip"
    reconstruct: Fitting = Fitting(steps=300, learning_rate=5e-3, batch_size=32, weight_decay=0.0)
    read: Fitting = Fitting(steps=200, learning_rate=3e-3, batch_size=32)

    def __post_init__(self) -> None:
        if not 0 < self.own < 1 or self.utility < 1:
            raise SettingError(f"wanted 0 < own < 1 and at least one utility attribute, got {self.own} and {self.utility}")
        if self.side % 4 or self.side < 4:
            raise SettingError(f"two poolings need a side that is a multiple of 4, got {self.side}")
        for fitting in (self.pretrain, self.reconstruct, self.read):
            fitting.check_no_patience("networks of a trial are trained")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The entity's images, the public ones that all attackers learn from, those that all are judged by, and the public networks."""

    task: AttributeTask
    ground: Ground
    own: Attributed
    public: Attributed
    test: Attributed
    nets: PublicNets

    @classmethod
    def of(cls, task: AttributeTask, ground: Ground) -> "Scene":
        """A task, and the ground of a trial -> the scene; its networks are trained once for all trials under the same seed.

        Raises DataError for data without private attributes or with too few images.
        """
        sets = attributed(ground.data, task.side)
        if len(sets.train.names) <= task.utility:
            raise DataError(f"wanted more attributes than the {task.utility} of the task, got {len(sets.train.names)}")
        order = torch.randperm(len(sets.train), generator=ground.stream("owners"))
        count = round(task.own * len(order))
        if min(count, len(order) - count) < LEAST_IMAGES:
            raise DataError(f"wanted at least {LEAST_IMAGES} images for the entity and the public, got {count} and {len(order) - count}")
        scene = cls(task, ground, sets.train.take(order[:count]), sets.train.take(order[count:]), sets.test, _untrained(task, ground))
        scene._train()
        return replace(scene, nets=scene.nets.frozen())

    @property
    def common(self) -> Path:
        """Where networks lie that are the same for all trials of this task."""
        return self.ground.common / hashlib.sha256(repr(self.task).encode()).hexdigest()[:16]

    def useful(self, part: Attributed) -> Tensor:
        """The attributes (N,K) that are the task."""
        return part.attributes[:, : self.task.utility]

    def private(self, part: Attributed) -> Tensor:
        """The attributes (N,A) that are nobody's business."""
        return part.attributes[:, self.task.utility :]

    def raw(self, part: Attributed) -> Tensor:
        """Raw features (N,C,h,w)."""
        return apply(self.nets.featurizer, part.images, self.ground.compute)

    def inverse(self, features_NChw: Tensor, images_NCHW: Tensor, folder: Path) -> Reconstructor:
        """What an attacker learns from, and where its network is kept -> a reconstructor that undoes what made the features."""
        with global_generator_from(self.ground.stream("inverse", folder.name)):
            network = Reconstructor(self.nets.spec.shape, self.task.side)
        self._reconstructing(network, features_NChw, images_NCHW, self.task.reconstruct, folder)
        return network

    def tuned(self, inverse: nn.Module, features_NChw: Tensor, images_NCHW: Tensor, fitting: Fitting, folder: Path) -> nn.Module:
        """An inverse, and a few pairs that got out -> a copy of it that has learnt from those too."""
        network = copy.deepcopy(inverse).requires_grad_(True)
        self._reconstructing(network, features_NChw, images_NCHW, fitting, folder)
        return network

    def reader(self, features_NChw: Tensor, attributes_NA: Tensor, folder: Path) -> Decider:
        """What an attacker learns from, and where its network is kept -> a classifier of attributes."""
        rng = self.ground.stream("reader", folder.name)
        with global_generator_from(rng):
            network = feature_classifier(features_NChw.shape[1], attributes_NA.shape[1], self.task.convolutions)
        self._classifying(network, features_NChw, attributes_NA, self.task.read, "none", rng, folder)
        return network

    def _train(self) -> None:
        task, nets, rng = self.task, self.nets, self.ground.stream("classifier")
        whole = nets.whole_network()
        self._classifying(whole, self.own.images, self.useful(self.own), task.pretrain, task.augment, rng, self.common / "classifier")
        raw, images = self.raw(self.public), self.public.images
        self._reconstructing(nets.reconstructor, raw, images, task.reconstruct, self.common / "reconstructor")

    def _classifying(
        self,
        network: nn.Module,
        inputs: Tensor,
        attributes: Tensor,
        fitting: Fitting,
        augment: Augmentation,
        rng: torch.Generator,
        folder: Path,
    ) -> None:
        def train(checkpoint: Path) -> None:
            train_classifier(
                network,
                Examples(inputs, attributes),
                fitting,
                compute=self.ground.compute,
                rng=rng,
                work=folder.name,
                augment=augment,
                report=self.ground.report,
                checkpoint=checkpoint,
            )

        trained_once(network, folder, train, self.ground.compute)

    def _reconstructing(self, network: nn.Module, features: Tensor, images: Tensor, fitting: Fitting, folder: Path) -> None:
        ground, rng = self.ground, self.ground.stream("reconstructor", folder.name)
        reconstructor_once(network, folder, lambda: (features, images), fitting, compute=ground.compute, rng=rng, report=ground.report)


def _untrained(task: AttributeTask, ground: Ground) -> PublicNets:
    shape = (2 * task.width, task.side // 4, task.side // 4)
    with global_generator_from(ground.stream("public networks")):
        return PublicNets(
            featurizer=VggObfuscator(task.width),
            decider=feature_classifier(shape[0], task.utility, task.convolutions),
            reconstructor=Reconstructor(shape, task.side),
            spec=FeatureSpec(backbone=BACKBONE, hook=HOOK, shape=shape, featurizer_digest="", non_negative=True),
            classes=task.utility,
        )
