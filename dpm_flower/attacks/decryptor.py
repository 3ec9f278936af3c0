"""A2 against encrypted images: a transformer that has learnt, on images of the attacker's own, to turn the encryption back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import check_auxiliary, unless_usual
from dpm_flower.attacks.encrypted_release import Decrypter, encryption_of, everybodys, images_to_learn_from
from dpm_flower.attacks.inverse import reported_as, usual_or_fitting
from dpm_flower.attacks.kept_weights import reconstructor_once
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView, Auxiliary
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.decryptor import Decryptor
from dpm_flower.nets.encryption import Encryption, Mixing
from dpm_flower.nets.pevit import VitSize
from dpm_flower.training.prediction import apply

USUAL_FITTING = Fitting(steps=1000, learning_rate=1e-3, weight_decay=0.0, schedule="warm-cosine")
USUAL_SIZE = VitSize(96, 4, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Reencrypted:
    """Images (N,C,H,W) as rows that are encrypted anew whenever they are asked for, with what is drawn from `rng`."""

    images: Tensor
    encryption: Encryption
    rng: torch.Generator

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, indices: Tensor, /) -> Tensor:
        return self.encryption(self.images[indices], self.rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerDecryptor:
    """The attacker encrypts images of its own, over and over, and learns the way back. Source: arXiv 2306.03679, its strongest attacker.

    Raises SettingError for an unknown auxiliary set and for a patience.
    """

    auxiliary: Auxiliary = "public+own"
    size: VitSize = USUAL_SIZE
    fitting: Fitting = USUAL_FITTING

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)
        self.fitting.check_no_patience("an attacker is trained")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A2.decryptor", "A2.decryptor.96x2x3.public"."""
        size = [] if self.size == USUAL_SIZE else [f"{self.size.width}x{self.size.blocks}x{self.size.heads}"]
        unusual = (*usual_or_fitting(self.fitting, USUAL_FITTING), *unless_usual(self.auxiliary))
        return ".".join((self.level.name, "decryptor", *size, *unusual))

    @property
    def level(self) -> Level:
        """It knows how images are encrypted."""
        return Level.A2

    def decrypts(self, encryption: Encryption) -> bool:  # noqa: ARG002  # it learns any
        """Images of either encryption."""
        return True

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """Auxiliary images, encrypted by the recipe -> the trained decryptor; trained once per folder.

        Raises SettingError for a view without recipe, or without the attacker's own images where it wants them.
        """
        encryption = encryption_of(view, self.name)
        if encryption is None:
            return everybodys(view)
        images = images_to_learn_from(view, self.auxiliary)
        with global_generator_from(rng):
            network = Decryptor(images.shape[-1], encryption.patch, ordered=isinstance(encryption, Mixing), size=self.size)
        rows, report = Reencrypted(images, encryption, rng), reported_as(self.name, view.report)
        reconstructor_once(network, view.folder, lambda: (rows, images), self.fitting, compute=view.compute, rng=rng, report=report)
        return Decrypter(lambda released: apply(network, released, view.compute), everybodys(view))
