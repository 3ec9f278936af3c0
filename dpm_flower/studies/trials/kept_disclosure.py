"""What whoever comes for what a learner keeps reads from it: attackers who know all but the images and the day's secrets."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.headline import Anchored, headline
from dpm_flower.attacks.nearest_released import nearest_released
from dpm_flower.attacks.scoring import Disclosure, disclosure
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import MetricError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack, Attacker, AttackerView, Guess, SharingMethod, is_unpaired
from dpm_flower.core.shared import SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.studies.trials.days import Stream
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.features import FeatureCache
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, eq=False)
class Burglary:
    """Attackers at the store of one stream's learner, with images of their own; their own networks and features are kept for all trials.

    At most `judged` of what is kept counts, at random; of `shown` images there are pictures.
    """

    net: SplitNet
    stream: Stream
    attacks: tuple[Attack, ...]
    judged: int
    shown: int
    ground: Ground

    def found(self, kept: Kept, recipe: SharingMethod) -> tuple[dict[str, float], dict[str, Tensor]]:
        """What is kept and how it was made -> figures, and pictures of a few images beside each attacker's guesses.

        Figures: by attacker its SSIM, sign-aware, and that of the floor, the mean image of the label's class; and the disclosed fraction,
        the most of all attackers and scores (see attacks/headline.py), where it can be measured. Source: SPEC.md, section 8.
        """
        if kept.shared is None or kept.arrivals is None:
            return {}, {}
        chosen = torch.randperm(len(kept.arrivals), generator=self.ground.stream("judged"))[: self.judged].sort().values
        truth, labels = self._images(kept.arrivals[chosen]), kept.shared.labels[chosen]
        floor = self._scores(truth, class_mean_guess(labels, self.stream.peer))
        raw = SharedFeatures(apply(self.net.featurizer, truth, self.ground.compute), labels)
        anchored, pictures = {}, {"originals": truth[: self.shown]}
        for attack in self.attacks:
            if is_unpaired(recipe):
                guess = nearest_released(truth, _guess(self._attacker(attack, recipe), kept.shared))
            else:
                guess = _guess(self._attacker(attack, recipe), _some(kept.shared, chosen))
            ceiling = self._scores(truth, _guess(self._attacker(attack, RawFeatures()), raw))
            anchored[attack.name] = Anchored(self._scores(truth, guess), floor, ceiling)
            pictures[attack.name] = guess.images[: self.shown].clone()
        return self._figures(anchored, floor), pictures

    def _figures(self, anchored: Mapping[str, Anchored], floor: Disclosure) -> dict[str, float]:
        figures = {f"ssim_{name}": float(one.attack.ssim.mean()) for name, one in anchored.items()}
        figures["ssim_floor"] = float(floor.ssim.mean())
        try:
            most = headline(anchored, self.ground.stream("headline")).figures()
        except MetricError:  # no attacker reads raw features: what is kept may tell more than they can show
            return figures
        return figures | {key.replace("headline_p", "disclosed"): value for key, value in most.items()}

    def _images(self, arrivals: Tensor) -> Tensor:
        """The images that came as these numbers, warm-up first, floats in [0,1]."""
        came = torch.cat([self.stream.warm_up.images, *(day.images for day in self.stream.days)])
        return as_floats(came[arrivals])

    def _scores(self, truth: Tensor, guess: Guess) -> Disclosure:
        return disclosure(truth, guess, self.net.featurizer, self.ground.compute)

    def _attacker(self, attack: Attack, recipe: SharingMethod) -> Attacker:
        """An attack on what that recipe made, as prepared with what its level knows; trained once for all trials under this seed."""
        known = recipe if attack.level.knows_recipe else None
        knowledge = hashlib.sha256("\x1f".join((repr(attack), repr(known), self.net.digest(), repr(len(self.stream.peer)))).encode())
        view = AttackerView(
            net=self.net,
            public=self.stream.public,
            features=FeatureCache(self.net.featurizer, self.ground.compute, self.ground.common / "attackers-features"),
            recipe=known,
            folder=self.ground.common / "attackers" / knowledge.hexdigest()[:16],
            compute=self.ground.compute,
            report=self.ground.report,
            own=self.stream.peer if attack.level.is_peer else None,
        )
        return attack.prepare(view, self.ground.stream("attack", repr(attack), repr(known)))


def _guess(attacker: Attacker, batch: SharedBatch) -> Guess:
    """What an attacker makes of a batch. Raises MetricError where it has nothing to say: nothing goes unjudged."""
    result = attacker.guess(batch)
    if not isinstance(result, Guess):
        raise MetricError(f"wanted an attack that applies to what is kept, got none: {result.reason}")
    return result


def _some(batch: SharedFeatures | SharedImages, chosen: Tensor) -> SharedFeatures | SharedImages:
    match batch:
        case SharedFeatures(features=features, labels=labels):
            return SharedFeatures(features[chosen], labels[chosen])
        case SharedImages(images=images, labels=labels):
            return SharedImages(images[chosen], labels[chosen])
    assert_never(batch)
