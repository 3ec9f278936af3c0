"""DeepObfuscator: one obfuscator for all entities in place of the featurizer, trained to hide images; whoever has the recipe has it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.nets.obfuscator import obfuscator_from
from dpm_flower.training.obfuscation import USUAL, DeciderUtility, Obfuscation, train_obfuscation
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply

PublicEquivalence: TypeAlias = Literal["response", "activations"]  # labels of public images are of other classes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepObfuscator:
    """A public network E in place of the featurizer, the same at all entities. Source: DeepObfuscator (arXiv 1909.04126).

    E begins as the public featurizer and learns from public images only, by the published cycle, under a stream that the public
    networks name: all entities come to the same network without another exchange, and so does every peer who wants to undo it. Its
    utility is that the public decider answers as on raw features, by `equivalence`, so that what is shared lies in the decider's space.
    """

    equivalence: PublicEquivalence = "activations"
    obfuscation: Obfuscation = USUAL
    name: str = "deep-obfuscator"

    def __post_init__(self) -> None:
        if self.equivalence not in get_args(PublicEquivalence):
            raise SettingError(f"equivalence must be one of {', '.join(get_args(PublicEquivalence))}, got {self.equivalence!r}")
        if self.obfuscation.privacy is not None:
            raise SettingError(f"public images have no private attributes to hide, got {self.obfuscation.privacy}")

    def prepare(self, preparation: Preparation) -> "DeepObfuscatorSharer":
        """Trains the obfuscator on the public images. Neither the private ones nor the entity's stream are looked at."""
        net, public, compute = preparation.net, preparation.public, preparation.compute
        victims = Victims(public.images, preparation.features(public.images), public.labels)
        obfuscator = obfuscator_from(net.featurizer)
        train_obfuscation(
            obfuscator,
            DeciderUtility(net, victims, self.equivalence, compute),
            public.images,
            net.spec.shape,
            self.obfuscation,
            compute=compute,
            rng=stream(0, "obfuscator", net.digest(), repr(self)),
            report=preparation.report,
        )
        return DeepObfuscatorSharer(obfuscator, compute)


@dataclass(frozen=True, slots=True, eq=False)
class DeepObfuscatorSharer:
    """Holds the obfuscator, which is no secret."""

    obfuscator: nn.Module
    compute: Compute

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> obfuscated features (B,C,h,w), E(x), with the same labels."""
        return SharedFeatures(apply(self.obfuscator, images, self.compute), labels)
