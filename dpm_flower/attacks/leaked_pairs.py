"""A3: the shadow attack's inverse, tuned on pairs of the victim's images and their released features that have leaked."""

import copy
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.attacks.inverse import reported_as, usual_or_fitting
from dpm_flower.attacks.kept_weights import reconstructor_once
from dpm_flower.attacks.shadow import USUAL_SHADOW, Shadow
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView, Leaked
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.unpaired import is_unpaired

TUNING = Fitting(steps=200, learning_rate=1e-3, batch_size=32, weight_decay=0.0)
LEAST_PAIRS = 2  # batch statistics need two


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedPairs:
    """`pairs` of the victim's images with what was released for them are known, the others are to be guessed.

    The inverse of `shadow` is tuned on them by `fitting`; it is trained once for this attack and for that one, where a study asks
    both. Raises SettingError for fewer than two pairs, and for a patience. Source: SPEC.md, section 8, A3.
    """

    pairs: int = 100
    shadow: Shadow = USUAL_SHADOW
    fitting: Fitting = TUNING

    def __post_init__(self) -> None:
        self.fitting.check_no_patience("an attacker is trained")
        if self.pairs < LEAST_PAIRS:
            raise SettingError(f"pairs must be at least {LEAST_PAIRS}, got {self.pairs}")

    @property
    def name(self) -> str:
        """The level, the number of pairs, and what the shadow attack's name and an unusual tuning say: "A3.100", "A3.10.public"."""
        return ".".join((self.level.name, str(self.pairs), *self.shadow.suffixes, *usual_or_fitting(self.fitting, TUNING, "tuned-")))

    @property
    def level(self) -> Level:
        """It knows how the defence is made, and what it made of a few images."""
        return Level.A3

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """The shadow attack's inverse and the leaked pairs -> the tuned inverse; tuned once per folder.

        Where fewer than two pairs have leaked (of a release of a few images), or the release is made up, so that there are none, it stays
        as it was. Raises SettingError for a view without leaked pairs of any other.
        """
        no_pairs = view.recipe is not None and is_unpaired(view.recipe)
        if view.prepared is None or (view.leaked is None and not no_pairs):
            raise SettingError(f"wanted a view with leaked pairs for {self.name}, got one without")
        untuned = view.prepared(self.shadow)
        if no_pairs or view.leaked is None:
            return untuned
        features = _features(view.leaked)
        if features is None or len(features) < LEAST_PAIRS or not isinstance(untuned, FeatureInverter):
            return untuned
        inverse, images = copy.deepcopy(untuned.inverse).requires_grad_(True), view.leaked.images
        report = reported_as(self.name, view.report)
        reconstructor_once(inverse, view.folder, lambda: (features, images), self.fitting, compute=view.compute, rng=rng, report=report)
        return FeatureInverter(inverse, view.compute)


def _features(leaked: Leaked) -> Tensor | None:
    """What was released for the leaked images (k,C,h,w), if it was features."""
    match leaked.released:
        case SharedFeatures(features=features):
            return features
        case SharedImages() | ModelUpdate():
            return None
    assert_never(leaked.released)
