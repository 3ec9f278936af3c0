"""Sharing a fair representation: features behind an encoder that keeps the task, and what an auditor cannot make use of."""

from dataclasses import dataclass

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.streams import global_generator_from
from dpm_flower.methods.network_sharer import NetworkSharer
from dpm_flower.nets.backbones import block_kind
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.training.fair_encoding import USUAL_FAIR, FairLoss, train_fair_encoding
from dpm_flower.training.poisoning import Victims


@dataclass(frozen=True, slots=True, kw_only=True)
class FairFeatures:
    """A private encoder between featurizer and decider, trained against an auditor. Source: LAFTR (arXiv 1802.06309).

    Where the private images have attributes, those are what the auditor predicts, as in the source. Where they have none, the private
    thing is the image itself and the auditor a reconstructor, which is not in the source: all of an image is never independent of what
    the task needs of it, so that the auditor is left with little instead of nothing. Other differences: the encoder is one of residual
    `blocks` of the backbone's own kind behind the public featurizer; what it makes of features is their reconstruction too, which every
    public decider can read (see training/fair_encoding.py); it is not told the attribute; and the auditor's aim is to predict, not one
    of the source's measures of how unlike groups are treated. Raises SettingError for knobs that cannot work.
    """

    loss: FairLoss = USUAL_FAIR
    blocks: int = 4
    fitting: Fitting = Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0, max_epochs=24)
    name: str = "fair-features"

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise SettingError(f"blocks must be at least 1, got {self.blocks}")
        self.fitting.check_no_patience("an encoder is trained")

    def prepare(self, preparation: Preparation) -> NetworkSharer:
        """Trains a fresh encoder on the entity's own images and, where they have any, their attributes."""
        net, private, compute = preparation.net, preparation.private, preparation.compute
        with global_generator_from(preparation.rng):
            encoder = DeepPoisoningModule(net.spec.shape[0], self.blocks, block_kind(net.spec.backbone), net.spec.non_negative)
        victims = Victims(private.images, preparation.features(private.images), private.labels, private.attributes)
        train_fair_encoding(encoder, net, victims, self.loss, self.fitting, compute=compute, rng=preparation.rng, report=preparation.report)
        return NetworkSharer(preparation.features, encoder, compute)
