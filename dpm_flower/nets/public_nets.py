"""The public networks as one value: featurizer, decider and reconstructor, with what their features are."""

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import global_generator_from
from dpm_flower.core.study import LEAST_SIDE
from dpm_flower.nets.anchor_head import HeadFor
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.nets.named_tensors import copied, named_tensors
from dpm_flower.nets.pretrained import load_weights
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.nets.split import split
from dpm_flower.nets.strict_state import overwrite


@dataclass(slots=True, eq=False, kw_only=True)
class PublicNets:
    """F (B,3,H,W) -> (B,C,h,w), D (B,C,h,w) -> (B,K) and R (B,C,h,w) -> (B,3,H,W), a `core.split_net.SplitNet`.

    `spec.featurizer_digest` is that of the featurizer when the networks were assembled, loaded or frozen; training in between
    changes weights and not the digest.
    """

    featurizer: nn.Module
    decider: Decider
    reconstructor: nn.Module
    spec: FeatureSpec
    classes: int

    @classmethod
    def assemble(
        cls,
        backbone_name: str,
        hook: str,
        side: int,
        classes: int,
        rng: torch.Generator,
        head_for: HeadFor | None = None,
        weights: str = "",
    ) -> Self:
        """The networks for images of `side` pixels; R is plain-2-x2 with min-max, the one of DPM training.

        R is untrained, and F and D are unless `weights` names those to start from ("imagenet" or a file, see nets/pretrained.py).

        `spec.hook` is the hook point's first name, whichever of its names was asked for. `head_for` puts another head in the place
        of D's linear layer. Raises SettingError for an unknown backbone or a side below 11 pixels, HookError where the backbone
        cannot be cut, or where nothing of D could be trained. Source: SPEC.md, section 1, step 1.
        """
        if side < LEAST_SIDE:
            raise SettingError(f"images must have a side of at least {LEAST_SIDE} pixels, got {side}")
        backbone = build_backbone(backbone_name, classes, rng)
        if weights:
            load_weights(backbone, backbone_name, weights)
        featurizer, decider, point = split(backbone, hook, side)
        if head_for is not None:
            decider.head = head_for(decider.head)
        if next(decider.parameters(), None) is None:
            raise HookError(f"nothing behind {point.name!r} can be trained, only fixed anchors are left: wanted an earlier hook point")
        with global_generator_from(rng):
            reconstructor = Reconstructor(point.shape, side)
        spec = FeatureSpec(
            backbone=backbone_name,
            hook=point.name,
            shape=point.shape,
            featurizer_digest=tensors_digest(featurizer.state_dict()),
            non_negative=point.non_negative,
        )
        return cls(featurizer=featurizer, decider=decider, reconstructor=reconstructor, spec=spec, classes=classes)

    def frozen(self) -> Self:
        """A copy to give to all: in evaluation mode, no parameter asks for a gradient, the digest is that of the weights."""
        nets = copy.deepcopy(self)
        for network in nets._networks().values():
            network.eval().requires_grad_(False)
        nets._renew_digest()
        return nets

    def tensors(self) -> dict[str, Tensor]:
        """All weights and statistics, copied: names start with "featurizer.", "decider." or "reconstructor."."""
        return copied(self._live())

    def digest(self) -> str:
        """SHA-256 of all weights and statistics, in hexadecimal."""
        return tensors_digest(self._live())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over weights that `tensors` gave; modules, and whoever shares them, stay the same objects.

        Raises ShapeError or ReleaseError, naming the first offender, and changes nothing unless all of them fit and are sound.
        """
        overwrite(self._live(), tensors)
        self._renew_digest()

    def whole_network(self) -> nn.Module:
        """The decider after the featurizer, images (B,3,H,W) -> logits (B,K), with the same parameters, not copies."""
        return nn.Sequential(OrderedDict(featurizer=self.featurizer, decider=self.decider))

    def _networks(self) -> dict[str, nn.Module]:
        return {"featurizer": self.featurizer, "decider": self.decider, "reconstructor": self.reconstructor}

    def _live(self) -> dict[str, Tensor]:
        return named_tensors(self._networks())

    def _renew_digest(self) -> None:
        self.spec = dataclasses.replace(self.spec, featurizer_digest=tensors_digest(self.featurizer.state_dict()))
