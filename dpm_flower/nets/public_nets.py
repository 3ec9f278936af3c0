"""The public networks as one value: featurizer, decider and reconstructor, with what their features are."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import global_generator_from
from dpm_flower.core.study import LEAST_SIDE
from dpm_flower.nets.anchor_head import HeadFor
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.nets.pretrained import load_weights
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.nets.split import split
from dpm_flower.nets.three_nets import ThreeNets


@dataclass(slots=True, eq=False, kw_only=True)
class PublicNets(ThreeNets):
    """F (B,3,H,W) -> (B,C,h,w), D (B,C,h,w) -> (B,K) and R (B,C,h,w) -> (B,3,H,W), a `core.split_net.SplitNet`."""

    decider: Decider
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

    def whole_network(self) -> nn.Module:
        """The decider after the featurizer, images (B,3,H,W) -> logits (B,K), with the same parameters, not copies."""
        return nn.Sequential(OrderedDict(featurizer=self.featurizer, decider=self.decider))
