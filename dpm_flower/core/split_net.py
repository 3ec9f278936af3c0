"""A network cut in two at a hook point, and the reconstructor that undoes its first half."""

from typing import Protocol

import torch
from torch import Tensor, nn

from dpm_flower.core.feature_spec import FeatureSpec


class Decider(nn.Module):
    """The second half of a cut network: features (B,C,h,w) -> logits (B,K), by a trunk and a head, a linear layer or anchors."""

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def activations(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> what the head reads, the penultimate activations (B,A)."""
        activations: Tensor = self.trunk(features_BChw)
        return activations

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> logits (B,K)."""
        return self.logits(self.trunk(features_BChw))

    def logits(self, activations_BA: Tensor) -> Tensor:
        """Penultimate activations (B,A) -> logits (B,K), in float32 also under autocast: bfloat16 makes the best ones equal too often."""
        with torch.autocast(activations_BA.device.type, enabled=False):
            logits: Tensor = self.head(activations_BA.float())
        return logits


class SplitNet(Protocol):
    """The public networks: featurizer (B,3,H,W) -> (B,C,h,w), decider, and reconstructor (B,C,h,w) -> (B,3,H,W) in [0,1].

    As given to all they are frozen: in evaluation mode, no parameter asks for a gradient.
    """

    featurizer: nn.Module
    decider: Decider
    reconstructor: nn.Module
    spec: FeatureSpec
    classes: int

    def digest(self) -> str:
        """SHA-256 of all weights and statistics of the three, in hexadecimal."""
        ...
