"""The combiner of an ensemble: its members' logits (B,L,K) -> the ensemble's (B,K), each member counting as much as it has learnt to."""

import math
from typing import Self

import torch
from torch import Tensor, nn


class Combiner(nn.Module):
    """Logits of L members (B,L,K) -> sum of c_l M_l (B,K), with c_l > 0 that add up to 1, so that one member is its own ensemble.

    A softmax over the result is f of SPEC.md, section 7: for two classes it is the sigmoid of their difference.
    """

    def __init__(self, members: int = 1) -> None:
        super().__init__()
        self.strengths = nn.Parameter(torch.zeros(members))

    @property
    def shares(self) -> Tensor:
        """How much each member counts (L,)."""
        return torch.softmax(self.strengths, 0)

    def forward(self, logits_BLK: Tensor) -> Tensor:
        """Logits of the members (B,L,K) -> the ensemble's (B,K)."""
        return torch.einsum("l,blk->bk", self.shares, logits_BLK)

    def widened(self) -> Self:
        """One for a member more, which counts as much as the mean of all; the others keep their proportions."""
        wider = type(self)(len(self.strengths) + 1)
        with torch.no_grad():
            wider.strengths[:-1] = self.strengths
            wider.strengths[-1] = self.strengths.logsumexp(0) - math.log(len(self.strengths))
        return wider
