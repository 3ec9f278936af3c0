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
from dpm_flower.core.labelled import Labels, as_floats
from dpm_flower.core.protocols import Attack, Attacker, AttackerView, Guess, SharingMethod
from dpm_flower.core.shared import SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.studies.trials.days import Stream
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.features import FeatureCache
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, eq=False)
class _Haul:
    """What is kept under the same networks: all of it, as numbers of which images, and the places (n,) of what is judged."""

    net: SplitNet
    shared: SharedFeatures | SharedImages
    arrivals: Tensor
    judged: Tensor

    @property
    def labels(self) -> Labels:
        """Of what is judged (n,)."""
        return self.shared.labels[self.judged]


@dataclass(frozen=True, slots=True, eq=False)
class Burglary:
    """Attackers at the store of one stream's learner, with images of their own; their own networks and features are kept for all trials.

    They know the networks under which features were made, those of each refresh. At most `judged` of what is kept counts, at random; of
    `shown` images there are pictures.
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
        the most of all attackers and scores (see attacks/headline.py), where it can be measured. None of what has migrated: nobody here
        has fitted the map that an attacker could fit. Source: SPEC.md, section 8.
        """
        hauls = [] if kept.migrated else self._hauls(kept)
        if not hauls:
            return {}, {}
        truth, labels = torch.cat([self._truth(haul) for haul in hauls]), torch.cat([haul.labels for haul in hauls])
        floor = self._scores(truth, class_mean_guess(labels, self.stream.peer))
        anchored, pictures = {}, {"originals": truth[: self.shown]}
        for attack in self.attacks:
            guess = Guess(torch.cat([self._guessed(attack, recipe, haul) for haul in hauls]))
            ceiling = Guess(torch.cat([self._guessed_raw(attack, haul) for haul in hauls]))
            anchored[attack.name] = Anchored(self._scores(truth, guess), floor, self._scores(truth, ceiling))
            pictures[attack.name] = guess.images[: self.shown].clone()
        return self._figures(anchored, floor), pictures

    def _hauls(self, kept: Kept) -> list[_Haul]:
        """What is kept, the newest first; what is judged is drawn from all of it."""
        found, layer = [], [kept]
        while layer:
            one = layer.pop()
            if one.shared is not None and one.arrivals is not None:
                found.append((one.net or self.net, one.shared, one.arrivals))
            layer += [one.older] if one.older is not None else []
        order = torch.randperm(sum(len(arrivals) for _, _, arrivals in found), generator=self.ground.stream("judged"))
        chosen, hauls = order[: self.judged].sort().values, []
        for net, shared, arrivals in found:
            hauls.append(_Haul(net, shared, arrivals, chosen[(chosen >= 0) & (chosen < len(arrivals))]))
            chosen = chosen - len(arrivals)
        return [haul for haul in hauls if len(haul.judged)]

    def _truth(self, haul: _Haul) -> Tensor:
        """The images that what is judged was made of."""
        return self._images(haul.arrivals[haul.judged])

    def _guessed(self, attack: Attack, recipe: SharingMethod, haul: _Haul) -> Tensor:
        """What an attacker makes of what is judged, or where that is made up, of all the guess nearest to each image."""
        attacker = self._attacker(attack, recipe, haul.net)
        if is_unpaired(recipe):
            return nearest_released(self._truth(haul), _guess(attacker, haul.shared)).images
        return _guess(attacker, _some(haul.shared, haul.judged)).images

    def _guessed_raw(self, attack: Attack, haul: _Haul) -> Tensor:
        """What it would make of raw features of the same images."""
        raw = SharedFeatures(apply(haul.net.featurizer, self._truth(haul), self.ground.compute), haul.labels)
        return _guess(self._attacker(attack, RawFeatures(), haul.net), raw).images

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

    def _attacker(self, attack: Attack, recipe: SharingMethod, net: SplitNet) -> Attacker:
        """An attack on what that recipe made, as prepared with what its level knows; trained once for all trials under this seed."""
        known = recipe if attack.level.knows_recipe else None
        knowledge = hashlib.sha256("\x1f".join((repr(attack), repr(known), net.digest(), repr(len(self.stream.peer)))).encode())
        view = AttackerView(
            net=net,
            public=self.stream.public,
            features=FeatureCache(net.featurizer, self.ground.compute, self.ground.common / "attackers-features"),
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
