"""What attackers of encrypted images have in common: which releases are theirs, and what they do with all others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import joined_images
from dpm_flower.core.protocols import Attack, Attacker, AttackerView, AttackResult, Auxiliary, Guess, SharingMethod
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.nets.encryption import Encryption, EncryptsImages


@runtime_checkable
class DecryptingAttack(Attack, Protocol):
    """What an attack says besides that turns encrypted images back, and is anybody's attack on all others."""

    def decrypts(self, encryption: Encryption) -> bool:
        """Whether it has anything to try on images that were encrypted so."""
        ...


def is_meant_for(attack: Attack, recipe: SharingMethod) -> bool:
    """Whether an attack is one on releases of a method: who decrypts, on what it can decrypt; anybody else, on all but encrypted images.

    On any other it is the public reconstructor under another name. Whether it finds anything to learn from where it is meant to, the
    prepared attack says (see `MayBeUnlearnt`).
    """
    if not isinstance(attack, DecryptingAttack):
        return not isinstance(recipe, EncryptsImages)
    return isinstance(recipe, EncryptsImages) and attack.decrypts(recipe.encryption)


@dataclass(frozen=True, slots=True, eq=False)
class Decrypter:
    """An attacker who turns encrypted images back, and does with anything else what everybody can do."""

    decrypted: Callable[[Tensor], Tensor]  # images (N,3,H,W), bytes or floats -> guesses (N,3,H,W), floats in [0,1]
    otherwise: Attacker

    def guess(self, release: SharedBatch) -> AttackResult:
        """Encrypted images (N,3,H,W) -> guesses of the same shape; for features the public reconstructor's."""
        match release:
            case SharedImages(images=images):
                return Guess(self.decrypted(images))
            case SharedFeatures() | ModelUpdate():
                return self.otherwise.guess(release)
        assert_never(release)


def everybodys(view: AttackerView) -> Attacker:
    """A view -> who has the public reconstructor: takes released images as they are, inverts features, has no use for model updates.

    An audit asks every attacker about raw features too, where there is nothing to decrypt, and about releases of other methods.
    """
    return FeatureInverter(view.net.reconstructor, view.compute)


def encryption_of(view: AttackerView, name: str) -> Encryption | None:
    """A view -> by what the recipe encrypts images, None where it does something else. Raises SettingError for a view without recipe."""
    if view.recipe is None:
        raise SettingError(f"wanted a view with the recipe for {name}, got one without")
    return view.recipe.encryption if isinstance(view.recipe, EncryptsImages) else None


def images_to_learn_from(view: AttackerView, chosen: Auxiliary) -> Tensor:
    """The auxiliary images (N,3,H,W) of a view, of whatever class: encrypting reads no labels."""
    return joined_images([each.images for each in view.auxiliary(chosen)])


def in_pieces(decrypted: Callable[[Tensor], Tensor], images: Tensor, size: int) -> Tensor:
    """Images (N,3,H,W) -> what comes of them, `size` images at a time."""
    return torch.cat([decrypted(piece) for piece in torch.split(images, size)])
