"""A classifier of attributes that learns beside a network that trains, from what that network makes of the images."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.training.losses import multi_label_loss, uninformed_loss


@dataclass(slots=True, eq=False)
class AttributeReader:
    """Features (B,C,h,w) -> logits (B,A) by `network`, with an optimiser of its own: `steps` at `learning_rate` each time it learns.

    `attributes` (N,A), 1, 0 or 255 (unknown), are those of the images that indices count.
    """

    network: nn.Module
    attributes: Tensor
    compute: Compute
    learning_rate: float
    steps: int = 1
    _optimiser: torch.optim.Optimizer = field(init=False)
    _rates_A: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.compute.place_module(self.network).train().requires_grad_(False)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=self.learning_rate, weight_decay=0.0)
        known_NA = self.attributes != UNKNOWN
        rates_A = ((self.attributes == 1) & known_NA).sum(0) / known_NA.sum(0).clamp_min(1)
        self._rates_A = rates_A.to(self.compute.device)

    def learn(self, features_BChw: Tensor, indices_B: Tensor) -> None:
        """Features of the images at `indices` -> the classifier has learnt from them; whoever made them is not moved."""
        given = features_BChw.detach()
        self.network.requires_grad_(True)
        for _ in range(self.steps):
            self._optimiser.zero_grad(set_to_none=True)
            self.loss(given, indices_B).backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
        self.network.requires_grad_(False)  # who trains is moved by what it reads; it is not

    def loss(self, features_BChw: Tensor, indices_B: Tensor) -> Tensor:
        """Features of the images at `indices`, with a way back -> how badly it reads their attributes, a scalar."""
        return multi_label_loss(self._logits(features_BChw), self.attributes[indices_B].to(self.compute.device))

    def uninformed(self, features_BChw: Tensor) -> Tensor:
        """Features, with a way back -> how much it makes of them beyond how frequent each attribute is, a scalar of at least 0."""
        return uninformed_loss(self._logits(features_BChw), self._rates_A)

    def _logits(self, features_BChw: Tensor) -> Tensor:
        with self.compute.autocast():
            logits: Tensor = self.network(features_BChw)
        return logits.float()
