"""The bootstrap's draws: how often each image came up, and what mean and quantile of such a resample are."""

import torch
from torch import Tensor

REPLICATES = 2000  # the ends of a 95 % interval then rest on 50 replicates each
TAIL = 0.025  # what a 95 % interval leaves out at either end
PIECE_DRAWS = 2_000_000  # random numbers held at a time


def draw_counts(replicates: int, things: int, rng: torch.Generator) -> Tensor:
    """How often each of n things comes up in n draws with replacement -> (R,n) int64, rows that add up to n."""
    draws_Rn = torch.randint(things, (replicates, things), generator=rng)
    offsets_R1 = torch.arange(replicates).unsqueeze(1) * things
    return torch.bincount((draws_Rn + offsets_R1).flatten(), minlength=replicates * things).reshape(replicates, things)


def resampled_quantile(values_n: Tensor, counts_Rn: Tensor, quantile: float) -> Tensor:
    """Values (n) and how often each was drawn (R,n) -> the quantile of what was drawn in each resample (R), float64.

    It lies between two neighbours in order as `torch.quantile` has it; the values are sorted once, not for every resample.
    Rows may add up to different numbers; of one that drew nothing the answer means nothing.
    """
    ordered, order = values_n.double().sort()
    drawn_so_far_Rn = counts_Rn[:, order].cumsum(1)
    position_R = quantile * (drawn_so_far_Rn[:, -1] - 1).clamp_min(0).double()
    ranks_R2 = torch.stack((position_R.floor(), position_R.ceil()), 1).long() + 1  # counted from 1
    lower_R, upper_R = ordered[torch.searchsorted(drawn_so_far_Rn, ranks_R2).clamp_max(len(ordered) - 1)].unbind(1)
    return torch.lerp(lower_R, upper_R, position_R.frac())
