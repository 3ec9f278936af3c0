"""What a peer reads from released features of images with boxes: whole images, and what is inside the boxes."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.boxed_floor import boxed_mean_guess
from dpm_flower.attacks.boxed_peer import BoxedPeer
from dpm_flower.attacks.inverse import USUAL, Inverse
from dpm_flower.attacks.kept_weights import reconstructor_once
from dpm_flower.attacks.leaked_pairs import LEAST_PAIRS, TUNING
from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.detection_release import Release
from dpm_flower.studies.trials.detection_scene import RECEIVERS, Scene
from dpm_flower.studies.trials.detection_scores import scored
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.detection_poisoning import ModuleRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Figures, and rows of pictures: originals and guesses."""

    figures: Mapping[str, float]
    pictures: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionAttackers:
    """The second receiver, who learns from public and own images, reads what the first has released.

    A0 is the public reconstructor. A2 fits the recipe anew on its images, with their boxes, and learns to undo that by `inverse`; A3 tunes
    this on `pairs` of the victim's images that leaked, by `tuning`; A4 may push its images through the very module. All are judged by
    the victim's other images. The ceiling is an inverse of the raw features, asked about those of the same images; for A0 it is A0 on
    these. Raises SettingError for knobs that cannot work. Source: SPEC.md, section 8.
    """

    inverse: Inverse = USUAL
    pairs: int = 10
    tuning: Fitting = TUNING
    shown: int = 6

    def __post_init__(self) -> None:
        self.tuning.check_no_patience("an attacker is trained")
        if self.pairs < LEAST_PAIRS or self.shown < 1:
            raise SettingError(f"wanted at least {LEAST_PAIRS} pairs and 1 picture shown, got {self.pairs} and {self.shown}")

    def asked(self, scene: Scene, method: DeepPoisoning | None, module: nn.Module, release: Release) -> Told:
        """The recipe (None: raw features leave), the victim's module, and its release -> what each attacker got.

        See `scored`. The floor is what boxes and labels tell, which travel openly, to who owns the attacker's images. Raises SettingError
        where all images are leaked.
        """
        victim = scene.receivers[RECEIVERS[0]]
        if len(victim) <= self.pairs:
            raise SettingError(f"wanted fewer pairs than the {len(victim)} images of the victim, got {self.pairs}")
        judged = torch.arange(self.pairs, len(victim))
        leaving = release.examples.inputs[judged]
        attackers = self._attackers(scene, method, module, release)
        return self.told(scene, victim.take(judged), {who: scene.through(inverse, leaving) for who, inverse in attackers.items()})

    def asked_of_kept(self, scene: Scene, method: ModuleRecipe | None, kept_NChw: Tensor, truth: Boxed) -> Told:
        """The recipe (None: raw features), features that are kept, and their images -> what A0 and A2 got who come for them.

        The modules that made them are gone, and no pairs leak. Of raw features A2 is the inverse that is their ceiling.
        """
        attackers = self._without_secrets(scene, method)
        return self.told(scene, truth, {who: scene.through(inverse, kept_NChw) for who, inverse in attackers.items()})

    def told(self, scene: Scene, truth: Boxed, guesses: Mapping[str, Tensor]) -> Told:
        """Images with boxes, and by attacker its guesses (N,3,H,W) -> figures, see `scored`, and pictures of the first few."""
        raw = scene.raw(truth.images)
        anchors = {
            "floor": boxed_mean_guess(truth.boxes, truth.labels, _known(scene)).images,
            "ceiling": scene.through(self._raw_inverse(scene), raw),
            "ceiling_A0": scene.through(scene.nets.reconstructor, raw),
        }
        pictures = {
            name: images[: self.shown].clone()
            for name, images in ({"images": as_floats(truth.images), "floor": anchors["floor"]} | dict(guesses)).items()
        }
        figures = scored(truth, guesses, anchors, scene.nets.featurizer, scene.ground.compute, scene.ground.stream("headline"))
        return Told(figures, pictures)

    def _attackers(self, scene: Scene, method: DeepPoisoning | None, module: nn.Module, release: Release) -> dict[str, nn.Module]:
        """By attacker its network from what was released to images. Where nothing is secret, A4 has all that A2 and A3 want to know."""
        if method is None:
            return {"A0": scene.nets.reconstructor, "A4": self._raw_inverse(scene)}
        folder, found = scene.ground.folder, self._without_secrets(scene, method)
        found["A3"] = self._tuned(scene, found["A2"], release, folder / "A3")
        return found | {"A4": self._peer(scene).undoing(module, folder / "A4")}

    def _without_secrets(self, scene: Scene, method: ModuleRecipe | None) -> dict[str, nn.Module]:
        """Those who have nothing of the victim but its features."""
        folder = scene.ground.folder
        if method is None:
            return {"A0": scene.nets.reconstructor, "A2": self._raw_inverse(scene)}
        return {"A0": scene.nets.reconstructor, "A2": self._peer(scene).shadow_inverse(method, folder / "shadow", folder / "A2")}

    def _raw_inverse(self, scene: Scene) -> nn.Module:
        """Trained once for all trials under the seed."""
        return self._peer(scene).undoing(nn.Identity(), scene.common / kept_as("raw inverse", repr(self.inverse)))

    def _peer(self, scene: Scene) -> BoxedPeer:
        ground = scene.ground
        return BoxedPeer(scene.nets, _known(scene), self.inverse, ground.compute, ground.report, ground.stream)

    def _tuned(self, scene: Scene, inverse: nn.Module, release: Release, folder: Path) -> nn.Module:
        """An inverse -> a copy that has learnt from what leaked too."""
        network, ground, leaked = copy.deepcopy(inverse).requires_grad_(True), scene.ground, torch.arange(self.pairs)
        features, images = release.examples.inputs[leaked], scene.receivers[RECEIVERS[0]].images[leaked]
        rng = ground.stream("tuning")
        return reconstructor_once(
            network, folder, lambda: (features, images), self.tuning, compute=ground.compute, rng=rng, report=ground.report
        )


USUAL_ATTACKERS = DetectionAttackers()


def _known(scene: Scene) -> Boxed:
    """What the attacker owns: public images, and its own."""
    return joined([scene.public, scene.receivers[RECEIVERS[1]]])
