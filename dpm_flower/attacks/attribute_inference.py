"""L2: a classifier of shadow modules' releases by the attributes of the attacker's images, applied to what the victim released."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import torch
from torch import Tensor, nn

from dpm_flower.attacks.attribute_rates import attribute_rates
from dpm_flower.attacks.auxiliary import NoFeaturesError, joined, with_task_labels
from dpm_flower.attacks.inverse import reported_as, usual_or_fitting
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.attacks.shadow_modules import Shadows
from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN, Labels
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, Auxiliary, FeatureSource, Inferrer, NotApplicable, SharingMethod
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.encryption import EncryptsImages, Shuffling
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.training.prediction import apply
from dpm_flower.training.standardised_channels import standardised_by_channel
from dpm_flower.training.supervised import Examples, train_classifier

INFERRING = Fitting(steps=300, learning_rate=3e-3, weight_decay=1e-2)
STAGES = (1, 1)  # convolutions in each: of a few hundred images with attributes, deeper classifiers learn no more
LEAST_KNOWN = 2  # images; the training loop's own least
NO_ATTRIBUTES = "of none of the attacker's images are attributes known"
NO_FEATURES = "a model update holds no features to read attributes from; it is judged by attacks on updates (U1, U2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeInference:
    """The attacker runs the recipe on images of its own, whose attributes it knows, and learns to read them from what comes of it.

    Where patches of images are shuffled it puts them in order first (see `Jigsaw`), and has learnt from images in order.

    The classifier sees the released label as well, as every reader does, in the form of what it tells of the attributes. `shadows`
    and `variants` are those of the shadow attack (A2); the classifier is trained by `fitting` on each of them. Raises SettingError
    for knobs that cannot work. Source: SPEC.md, section 8, L2.
    """

    auxiliary: Auxiliary = "public+own"
    shadows: int = 1
    variants: tuple[SharingMethod, ...] = ()
    fitting: Fitting = INFERRING

    def __post_init__(self) -> None:
        self._modules()
        self.fitting.check_no_patience("an attacker is trained")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "L2", "L2.public", "L2.s100.x3"."""
        return ".".join((self.level.name, *usual_or_fitting(self.fitting, INFERRING), *self._modules().suffixes))

    @property
    def level(self) -> Level:
        """It knows how the defence is made, and which attributes its images have."""
        return Level.L2

    def inferrer(self, view: AttackerView, rng: torch.Generator) -> Inferrer:
        """The recipe and auxiliary images with attributes -> the trained classifier; trained once per folder.

        Raises SettingError for a view without recipe.
        """
        self._modules().recipes(view, self.name)  # asked for before anything is learnt
        known = _known_to(view, self.auxiliary)
        if known is None:
            return Uninformed(NO_ATTRIBUTES)
        count = known.attributes.shape[1]
        with global_generator_from(rng):
            classifier = feature_classifier(view.net.spec.shape[0] + count, count, STAGES)
        try:
            trained_once(classifier, view.folder, lambda checkpoint: self._train(classifier, view, rng, known, checkpoint), view.compute)
        except NoFeaturesError as err:
            return Uninformed(str(err))
        return ClassifyingInferrer(classifier, known.told, lambda images: view.features(_in_order(view, images)), view.compute)

    def _train(self, classifier: nn.Module, view: AttackerView, rng: torch.Generator, known: "_Known", checkpoint: Path) -> None:
        """Trains the classifier on what shadow modules make of the auxiliary images, as long on every module as on one."""

        def read(images: Tensor) -> Tensor:
            return apply(view.net.featurizer, images, view.compute)  # kept by nobody: no cache of the victim's holds others' images

        if _shuffling(view) is not None:
            released = [torch.cat([read(each.images) for each in with_task_labels(view, self.auxiliary)])]
        else:
            _, released = self._modules().releases(view, rng, self.name, seen_by=read)
        rows = (known.attributes != UNKNOWN).any(1)
        # taken before they are standardised: public images of another kind would give the victims' kind another mean
        inputs = torch.cat([seen(features[rows], known.labels[rows], known.told) for features in released])
        train_classifier(
            classifier,
            Examples(inputs, torch.cat([known.attributes[rows]] * len(released))),
            replace(self.fitting, steps=self.fitting.steps * len(released)),
            compute=view.compute,
            rng=rng,
            work=self.name,
            report=reported_as(self.name, view.report),
            checkpoint=checkpoint,
        )

    def _modules(self) -> Shadows:
        return Shadows(auxiliary=self.auxiliary, count=self.shadows, variants=self.variants)


def _shuffling(view: AttackerView) -> Shuffling | None:
    """How the recipe shuffles patches; None where it does something else, or where there is no recipe."""
    encryption = view.recipe.encryption if isinstance(view.recipe, EncryptsImages) else None
    return encryption if isinstance(encryption, Shuffling) and Jigsaw().decrypts(encryption) else None


def _in_order(view: AttackerView, images: Tensor) -> Tensor:
    """Released images (N,3,H,W) -> the same, with their patches put in order where the recipe shuffles them."""
    shuffled = _shuffling(view)
    return images if shuffled is None else Jigsaw().solved(images, shuffled.patch)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of an attacker's images: labels (N,), attributes (N,A), and what each class tells of these (K,A), as log-odds."""

    labels: Labels
    attributes: Tensor
    told: Tensor


def _known_to(view: AttackerView, chosen: Auxiliary) -> _Known | None:
    """What there is to learn from; None where attributes are known of too few images."""
    own = joined(with_task_labels(view, chosen))
    if own.attributes is None or int((own.attributes != UNKNOWN).any(1).sum()) < LEAST_KNOWN:
        return None
    return _Known(own.labels, own.attributes, attribute_rates(own).logit().float())


@dataclass(frozen=True, slots=True, eq=False)
class ClassifyingInferrer:
    """An attacker whose knowledge is a trained classifier, and what each class tells of the attributes (K,A), as log-odds."""

    classifier: nn.Module
    told: Tensor
    features: FeatureSource
    compute: Compute

    def infer(self, release: SharedBatch) -> Tensor | NotApplicable:
        """A release of N images -> log-odds of each attribute (N,A); released images are read by their features."""
        match release:
            case SharedFeatures(features=features, labels=labels):
                return apply(self.classifier, seen(features, labels, self.told), self.compute)
            case SharedImages(images=images, labels=labels):
                return apply(self.classifier, seen(self.features(images), labels, self.told), self.compute)
            case ModelUpdate():
                return NotApplicable(NO_FEATURES)
        assert_never(release)


@dataclass(frozen=True, slots=True)
class Uninformed:
    """An attacker without a classifier, and the reason why it has none."""

    reason: str

    def infer(self, release: SharedBatch) -> NotApplicable:
        """Nothing can be said of any release."""
        return NotApplicable(NO_FEATURES if isinstance(release, ModelUpdate) else self.reason)


def seen(features_NChw: Tensor, labels: Labels, told_KA: Tensor) -> Tensor:
    """What one module released (N,C,h,w) with labels (N,), and what classes tell (K,A) -> what the classifier reads, (N,C+A,h,w).

    Each channel has mean 0 and deviation 1; what the label tells is the same everywhere in a plane of its own.
    """
    planes_NA11 = told_KA[labels][:, :, None, None]
    return torch.cat((standardised_by_channel(features_NChw), planes_NA11.expand(-1, -1, *features_NChw.shape[2:])), 1)
