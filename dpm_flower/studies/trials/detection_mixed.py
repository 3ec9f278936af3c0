"""What a peer reads from mixed images with boxes, of which nothing is secret: whole images, and what is inside the boxes."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.attacks.boxed_floor import boxed_mean_guess
from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.comparison import Found
from dpm_flower.core.errors import SettingError, TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, as_floats
from dpm_flower.core.protocols import Attack, AttackerView, Guess
from dpm_flower.core.shared import SharedImages
from dpm_flower.data.letterbox import Letterbox
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.studies.trials.detection_scene import RECEIVERS, Scene
from dpm_flower.studies.trials.detection_scores import scored
from dpm_flower.studies.trials.encrypted_attack import BACKBONE, HOOK
from dpm_flower.training.prediction import apply

# squares of 128 pixels: the usual batch of 64 would make the first take three quarters of an hour of one core
SHARPENING = SuperResolution(fitting=Fitting(steps=500, learning_rate=3e-3, batch_size=4, weight_decay=0.0))
DECRYPTING = TransformerDecryptor(
    fitting=Fitting(steps=1000, learning_rate=1e-3, batch_size=8, weight_decay=0.0, schedule="warm-cosine"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedAttackers:
    """The second receiver, who learns from public and own images, reads what the first has released.

    "A0" takes a mixed image for the image. "A2" mixes its own images and learns `sharpening`, "A2_decryptor" the same by `decrypting`.
    There is no secret: whoever has the recipe has all that an A4 may ask, so that A2 is what every peer gets. The floor is that of
    releases of features. The ceiling is the image in clear, as the square on which it would have been released holds it.
    Raises SettingError for no picture.
    """

    sharpening: SuperResolution = SHARPENING
    decrypting: TransformerDecryptor = DECRYPTING
    shown: int = 6

    def __post_init__(self) -> None:
        if self.shown < 1:
            raise SettingError(f"wanted at least 1 picture shown, got {self.shown}")

    def asked(self, scene: Scene, method: MixedImages, letterbox: Letterbox, released_N3SS: Tensor) -> Found:
        """The recipe, and what the first receiver's images are on mixed squares -> figures (see `scored`) and pictures."""
        victim, ground = scene.receivers[RECEIVERS[0]], scene.ground
        truth, clear = as_floats(victim.images), letterbox.images_back(letterbox.images(as_floats(victim.images)))
        floor = boxed_mean_guess(victim.boxes, victim.labels, joined(self._sets(scene))).images
        guesses = {"A0": letterbox.images_back(as_floats(released_N3SS))} | {
            who: letterbox.images_back(self._guess(attack, scene, method, letterbox, released_N3SS))
            for who, attack in self._attacks().items()
        }
        anchors = {"floor": floor, "ceiling": clear, "ceiling_A0": clear}
        figures = scored(victim, guesses, anchors, scene.nets.featurizer, ground.compute, ground.stream("headline"))
        shown = {"images": truth, "clear": clear, "floor": floor} | guesses
        return Found(figures, {name: images[: self.shown].clone() for name, images in shown.items()})

    def _attacks(self) -> Mapping[str, Attack]:
        return {"A2": self.sharpening, "A2_decryptor": self.decrypting}

    def _sets(self, scene: Scene) -> tuple[Boxed, Boxed]:
        """What the attacker owns: public images, and its own."""
        return scene.public, scene.receivers[RECEIVERS[1]]

    def _guess(self, attack: Attack, scene: Scene, method: MixedImages, letterbox: Letterbox, released_N3SS: Tensor) -> Tensor:
        """-> guesses of the squares (N,3,side,side), floats. Raises TrainingError where the attack says nothing about mixed images."""
        rng = scene.ground.stream("attacker", repr(attack))
        attacker = attack.prepare(self._view(scene, method, letterbox, attack.name), rng)
        result = attacker.guess(SharedImages(released_N3SS, torch.zeros(len(released_N3SS), dtype=torch.int64)))
        if not isinstance(result, Guess):
            raise TrainingError(f"{attack.name} has nothing to say about {method.name}: {result.reason}")
        return result.images

    def _view(self, scene: Scene, method: MixedImages, letterbox: Letterbox, name: str) -> AttackerView:
        """What it knows: the recipe, squares of public and own images, and public networks that tell it nothing of mixed images."""
        ground = scene.ground
        net = PublicNets.assemble(BACKBONE, HOOK, letterbox.side, 1, ground.stream("networks unlooked at")).frozen()
        public, own = (Labelled(letterbox.images(each.images), torch.zeros(len(each), dtype=torch.int64), 1) for each in self._sets(scene))
        return AttackerView(
            net=net,
            public=public,
            features=lambda images: apply(net.featurizer, images, ground.compute),
            recipe=method,
            folder=ground.folder / name,
            compute=ground.compute,
            report=ground.report,
            own=own,
        )


USUAL_ATTACKERS = MixedAttackers()
