"""Sharing features that passed a narrow private autoencoder, trained to be worth as much and to tell a reconstructor less."""

from dataclasses import dataclass

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.streams import global_generator_from
from dpm_flower.methods.network_sharer import NetworkSharer
from dpm_flower.nets.feature_autoencoder import FeatureAutoencoder
from dpm_flower.training.feature_coding import USUAL_LOSS, CodingLoss, train_feature_coding
from dpm_flower.training.poisoning import Victims


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedFeatures:
    """A private autoencoder between featurizer and decider, trained on a `loss` for utility, bits and disclosure.

    What is sent is the decoder's output, in the space of the public decider, which every peer can refine on; the bottleneck that it
    is made of never leaves, and neither does any weight. The loss's compressibility is the bottleneck's, as in the source; what it does
    for the bytes of what leaves is another question. ``Coded(method=CodedFeatures(), codec="avif-60")`` sends it as pictures.
    `inner` and `bottleneck` are the autoencoder's channels; None: two thirds and one third of the features'. Source: SPEC.md, section 3.
    """

    loss: CodingLoss = USUAL_LOSS
    inner: int | None = None
    bottleneck: int | None = None
    fitting: Fitting = Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0, max_epochs=24)
    name: str = "coded-features"

    def __post_init__(self) -> None:
        if min(self.inner or 1, self.bottleneck or 1) < 1 or 0 in (self.inner, self.bottleneck):
            raise SettingError(f"inner and bottleneck channels must be at least 1 or None, got {self.inner} and {self.bottleneck}")
        self.fitting.check_no_patience("an autoencoder is trained")

    def prepare(self, preparation: Preparation) -> NetworkSharer:
        """Trains a fresh autoencoder on the entity's own images, with the public networks frozen."""
        net, private, compute = preparation.net, preparation.private, preparation.compute
        autoencoder = self.fresh_autoencoder(net.spec, preparation.rng)
        victims = Victims(private.images, preparation.features(private.images), private.labels)
        self.train(autoencoder, net, victims, compute=compute, rng=preparation.rng, report=preparation.report)
        return NetworkSharer(preparation.features, autoencoder, compute)

    def fresh_autoencoder(self, spec: FeatureSpec, rng: torch.Generator) -> FeatureAutoencoder:
        """What the features are, and where weights come from -> an untrained autoencoder for them."""
        with global_generator_from(rng):
            return FeatureAutoencoder(spec.shape[0], self.inner, self.bottleneck, spec.non_negative)

    def train(
        self, autoencoder: FeatureAutoencoder, net: SplitNet, victims: Victims, *, compute: Compute, rng: torch.Generator, report: Report
    ) -> None:
        """Trains a fresh autoencoder between frozen public networks by all of these knobs."""
        train_feature_coding(autoencoder, net, victims, self.loss, self.fitting, compute=compute, rng=rng, report=report)
