"""Deep Poisoning: features pass a private module that keeps what the decider reads and destroys what a reconstructor reads."""

from dataclasses import dataclass, replace
from typing import Literal

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
from dpm_flower.nets.backbones import block_kind
from dpm_flower.nets.block_kinds import BLOCK_KINDS, BlockKind
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.losses import EQUIVALENCES, Equivalence
from dpm_flower.training.perturbation import PerturbedSource
from dpm_flower.training.perturbation_strength import PerturbationChoice, check_choice, settle
from dpm_flower.training.poisoning import Perturb, Victims, train_poisoning
from dpm_flower.training.privacy import PrivacyTerm
from dpm_flower.training.release_terms import ReleaseTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepPoisoning:
    """A private residual module P between featurizer and decider. Source: Deep Poisoning (arXiv 1912.06895), step 2.

    `equivalence` says what P has to keep: ``labels`` is the paper's equation 4; with it p holds what the decider already answers
    rightly and teaches a peer little, which is why ``activations`` is the default. `weight` is the paper's lambda on the
    reconstruction disparity, `blocks` the number of residual blocks and `kind` their kind, the backbone's own or another. With a
    `perturbation`, p = P(perturbed z): P learns, on noise drawn anew at every step, to give the decider what it reads from the raw
    features. With `adversaries`, reconstructors that adapt to P while it trains stand beside the public one, which alone is what the
    paper trains against. With `privacy`, P is also moved against a classifier that learns to read the private images' attributes.
    """

    equivalence: Equivalence = "activations"
    weight: float = 1.0
    blocks: int = 4
    kind: BlockKind | Literal["backbone"] = "backbone"
    perturbation: PerturbationChoice | None = None
    adversaries: Adversaries | None = None
    privacy: PrivacyTerm | None = None
    fitting: Fitting = Fitting(steps=350, learning_rate=5e-3, weight_decay=0.0, max_epochs=24)
    name: str = "deep-poisoning"

    def __post_init__(self) -> None:
        if self.equivalence not in EQUIVALENCES:
            raise SettingError(f"equivalence must be one of {', '.join(EQUIVALENCES)}, got {self.equivalence!r}")
        if not self.weight >= 0:
            raise SettingError(f"weight must be >= 0, got {self.weight}")
        if self.blocks < 1:
            raise SettingError(f"blocks must be at least 1, got {self.blocks}")
        if self.kind not in ("backbone", *BLOCK_KINDS):
            raise SettingError(f"kind must be one of backbone, {', '.join(BLOCK_KINDS)}, got {self.kind!r}")
        self.fitting.check_no_patience("a module is trained")
        if self.perturbation is not None:
            check_choice(self.perturbation)

    @property
    def release_terms(self) -> ReleaseTerms | None:
        """What else the module's loss has: nothing here, see `MatchedPoisoning`."""
        return None

    def prepare(self, preparation: Preparation) -> NetworkSharer:
        """Trains a fresh module on the entity's own images, with the public networks frozen.

        Raises SettingError for a privacy term where the private images have no attributes.
        """
        net, private, compute = preparation.net, preparation.private, preparation.compute
        module = self.fresh_module(net.spec, preparation.rng)
        settled = settle(self.perturbation, preparation) if self.perturbation is not None else None
        victims = Victims(private.images, preparation.features(private.images), private.labels, private.attributes)
        perturb = settled.perturber if settled else None
        self.train(module, net, victims, compute=compute, rng=preparation.rng, report=preparation.report, perturb=perturb)
        if settled is None:
            return NetworkSharer(preparation.features, module, compute)
        source = PerturbedSource(preparation.features, settled.perturber, preparation.rng)
        return NetworkSharer(source, module, compute, settled.figures)

    def without_attributes(self) -> "DeepPoisoning":
        """The same without the privacy term."""
        return replace(self, privacy=None)

    def fresh_module(self, spec: FeatureSpec, rng: torch.Generator) -> DeepPoisoningModule:
        """What the features are, and where weights come from -> an untrained module for them."""
        kind = block_kind(spec.backbone) if self.kind == "backbone" else self.kind
        with global_generator_from(rng):
            return DeepPoisoningModule(spec.shape[0], blocks=self.blocks, kind=kind, non_negative=spec.non_negative)

    def train(
        self,
        module: DeepPoisoningModule,
        net: SplitNet,
        victims: Victims,
        *,
        compute: Compute,
        rng: torch.Generator,
        report: Report,
        perturb: Perturb | None = None,
    ) -> None:
        """Trains a fresh module between frozen public networks by all of these knobs; `perturb` is what a perturbation settled at.

        Raises SettingError for a privacy term where the victims have no attributes.
        """
        train_poisoning(
            module,
            net,
            victims,
            self.equivalence,
            self.weight,
            self.fitting,
            compute=compute,
            rng=rng,
            perturb=perturb,
            adversaries=self.adversaries,
            privacy=self.privacy,
            terms=self.release_terms,
            report=report,
        )
