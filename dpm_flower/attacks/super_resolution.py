"""A2 against mixed images: a network that has learnt, on images of the attacker's own, what each mixed patch was mixed of."""

from dataclasses import dataclass

import torch

from dpm_flower.attacks.auxiliary import check_auxiliary, unless_usual
from dpm_flower.attacks.encrypted_release import Decrypter, encryption_of, everybodys, images_to_learn_from
from dpm_flower.attacks.inverse import reported_as, usual_or_fitting
from dpm_flower.attacks.kept_weights import reconstructor_once
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView, Auxiliary
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.encryption import Encryption, Mixing
from dpm_flower.nets.unmixer import Unmixer
from dpm_flower.training.prediction import apply

USUAL_FITTING = Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperResolution:
    """Learned super-resolution: mixed patches, each seen among its neighbours, are drawn in twice the size.

    What the network learns is what is missing (see nets/unmixer.py). Raises SettingError for an unknown auxiliary set and for a patience.
    """

    auxiliary: Auxiliary = "public+own"
    fitting: Fitting = USUAL_FITTING

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)
        self.fitting.check_no_patience("an attacker is trained")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A2.super-resolution", "A2.super-resolution.public"."""
        unusual = (*usual_or_fitting(self.fitting, USUAL_FITTING), *unless_usual(self.auxiliary))
        return ".".join((self.level.name, "super-resolution", *unusual))

    @property
    def level(self) -> Level:
        """It knows how images are mixed."""
        return Level.A2

    def decrypts(self, encryption: Encryption) -> bool:
        """Mixed images."""
        return isinstance(encryption, Mixing)

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """Auxiliary images, mixed by the recipe -> the trained network; trained once per folder.

        Raises SettingError for a view without recipe, or without the attacker's own images where it wants them.
        """
        mixing = encryption_of(view, self.name)
        if not isinstance(mixing, Mixing):
            return everybodys(view)
        images = images_to_learn_from(view, self.auxiliary)
        with global_generator_from(rng):
            network = Unmixer(images.shape[-1], mixing.patch)
        report = reported_as(self.name, view.report)
        reconstructor_once(
            network,
            view.folder,
            lambda: (as_bytes(mixing(images, rng)), images),
            self.fitting,
            compute=view.compute,
            rng=rng,
            report=report,
        )
        return Decrypter(lambda released: apply(network, released, view.compute), everybodys(view))
