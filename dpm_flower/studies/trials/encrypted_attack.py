"""What attackers make of encrypted images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError, TrainingError
from dpm_flower.core.labelled import Labelled, as_floats
from dpm_flower.core.protocols import Attack, AttackerView, Guess
from dpm_flower.core.shared import SharedImages
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.metrics.jigsaw import neighbour_accuracy, neighbour_accuracy_by_chance, patch_accuracy, patch_accuracy_by_chance
from dpm_flower.metrics.similarity import similarity
from dpm_flower.nets.encryption import EncryptsImages, Shuffling
from dpm_flower.nets.patches import cut
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.studies.trials.encrypted import DIVIDED, Divided, released_by
from dpm_flower.training.prediction import apply

BACKBONE, HOOK = "resnet20", "conv3_1"  # of the public networks in an attacker's view, at which none looks here


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacking:
    """An attacker, who owns images of the same task, looks at released images that `method` encrypted.

    `judged` of them are scored and `shown` are shown, beside the release itself taken for a guess, and the mean of the label's class.
    """

    name: str
    method: ShuffledImages | MixedImages
    attack: Attack
    divided: Divided = DIVIDED
    judged: int = 256
    shown: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.attack, Attack) or isinstance(self.attack, type):
            raise SettingError(f"wanted an attack, got {self.attack!r}")
        if self.judged < 1 or self.shown < 1:
            raise SettingError(f"wanted at least 1 image judged and 1 shown, got {self.judged} and {self.shown}")

    def run(self, ground: Ground) -> Found:
        """Everything from the data to the scores. Raises TrainingError where the attack says nothing about such a release."""
        _, released, own = self.divided.of(ground)
        victims = released.take(torch.arange(min(self.judged, len(released))))
        encrypted = released_by(self.method.encryption, released.images, ground, "release")[: len(victims)]
        attacker = self.attack.prepare(self._view(own, ground), ground.stream("attacker", repr(self.attack)))
        result = attacker.guess(SharedImages(encrypted, victims.labels))
        if not isinstance(result, Guess):
            raise TrainingError(f"{self.attack.name} has nothing to say about {self.method.name}: {result.reason}")
        truth, seen = as_floats(victims.images), as_floats(encrypted)
        figures = _scores(truth, result.images)
        figures |= {f"{key}_released": value for key, value in _scores(truth, seen).items()}
        figures |= {f"{key}_label": value for key, value in _scores(truth, class_mean_guess(victims.labels, own).images).items()}
        figures |= _puzzle(self.method, truth, result.images, seen)
        shown = {"original": truth, "released": seen, self.attack.name: result.images}
        return Found(figures, {row: images[: self.shown].clone() for row, images in shown.items()})

    def _view(self, own: Labelled, ground: Ground) -> AttackerView:
        """What it knows: the recipe, its own images, and public networks that tell it nothing of encrypted images."""
        net = PublicNets.assemble(BACKBONE, HOOK, self.divided.side, own.classes, ground.stream("public networks")).frozen()
        return AttackerView(
            net=net,
            public=own.take(torch.arange(0)),
            features=lambda images: apply(net.featurizer, images, ground.compute),
            recipe=self.method,
            folder=ground.folder / "attacker",
            compute=ground.compute,
            report=ground.report,
            own=own,
        )


def _scores(truth: Tensor, guesses: Tensor) -> dict[str, float]:
    alike = similarity(truth, guesses)
    return {name: float(getattr(alike, name).mean()) for name in ("ssim", "windowed_ssim", "structure")}


def _puzzle(method: EncryptsImages, truth: Tensor, guesses: Tensor, released: Tensor) -> dict[str, float]:
    """Of shuffled images: where their patches were put, a drawn patch taken for the released one that it is nearest to."""
    if not isinstance(method.encryption, Shuffling):
        return {}
    patches = [cut(images, method.encryption.patch).flatten(2) for images in (truth, guesses, released)]
    right, drawn, given = patches
    nearest = torch.cdist(drawn, given, p=1.0).argmin(2, keepdim=True)
    put = given.gather(1, nearest.expand(-1, -1, given.shape[2]))
    return {
        "patch_accuracy": float(patch_accuracy(right, put).mean()),
        "neighbour_accuracy": float(neighbour_accuracy(right, put).mean()),
        "patch_accuracy_chance": patch_accuracy_by_chance(right.shape[1]),
        "neighbour_accuracy_chance": neighbour_accuracy_by_chance(right.shape[1]),
    }
