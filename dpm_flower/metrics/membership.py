"""How well scores tell members from others: scores (N,) and who is a member (N,) -> figures with their intervals."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.ranking import wilson
from dpm_flower.metrics.resampling import PIECE_DRAWS, REPLICATES, TAIL, draw_counts

LOW_FPR = 0.01  # of an attacker who must be nearly sure; lower ones need more others than usual data sets spare
LEAST_FALSE = {True: 1.0, False: 10.0}  # others who must lie above a threshold: at LOW_FPR and more, and below, where one is chance


@dataclass(frozen=True, slots=True)
class Membership:
    """Figures of one attack in [0,1]; `low` and `high` are the ends of 95 % intervals.

    Chance has an AUC and a balanced accuracy of 0.5 and a true-positive rate of the false-positive rate, 0.01. The balanced accuracy is
    at the best threshold for these very scores, and so leans upward.
    """

    auc: float
    auc_low: float
    auc_high: float
    tpr: float
    tpr_low: float
    tpr_high: float
    balanced_accuracy: float
    members: int
    others: int

    @property
    def figures(self) -> dict[str, float]:
        """By "auc", "auc_low", "auc_high", "tpr", "tpr_low", "tpr_high" and "balanced_accuracy"."""
        names = ("auc", "auc_low", "auc_high", "tpr", "tpr_low", "tpr_high", "balanced_accuracy")
        return {name: float(getattr(self, name)) for name in names}


def membership(scores_N: Tensor, members_N: Tensor, rng: torch.Generator, replicates: int = REPLICATES) -> Membership:
    """Scores (N,), higher = rather a member, and who is one (N,) bool -> how well they tell, with intervals.

    The interval of the AUC is a percentile bootstrap over members and over others, that of the true-positive rate at 1 % false
    positives Wilson's, as if the threshold were given. Raises as the figures do, and MetricError for fewer than 2 replicates.
    """
    if replicates < 2:
        raise MetricError(f"wanted at least 2 replicates, got {replicates}")
    area, rate = auc(scores_N, members_N), tpr_at_fpr(scores_N, members_N, LOW_FPR)
    resampled_R = _resampled_auc(scores_N, members_N, rng, replicates)
    low, high = wilson(rate, members := int(members_N.sum()))
    return Membership(
        auc=area,
        auc_low=float(resampled_R.quantile(TAIL)),
        auc_high=float(resampled_R.quantile(1 - TAIL)),
        tpr=rate,
        tpr_low=low,
        tpr_high=high,
        balanced_accuracy=balanced_accuracy(scores_N, members_N),
        members=members,
        others=len(scores_N) - members,
    )


def auc(scores_N: Tensor, members_N: Tensor) -> float:
    """Scores (N,) and who is a member (N,) bool -> how probably a member scores higher than another, in [0,1]; equal scores are half.

    Raises ShapeError for other shapes or types; MetricError for scores that are not finite, and without members or others.
    """
    members, others = _parted(scores_N, members_N)
    ordered = others.sort().values
    below, up_to = (torch.searchsorted(ordered, members, right=right).double() for right in (False, True))
    return float(((below + up_to) / 2).mean()) / len(others)


def tpr_at_fpr(scores_N: Tensor, members_N: Tensor, fpr: float) -> float:
    """Scores (N,), who is a member (N,) bool and a share of others -> of the members, the share above a threshold that no more than
    that share of others is above.

    Raises as `auc`, and MetricError for a rate outside (0,1) and where there are too few others to speak of it: 1 / fpr, and
    10 / fpr below 1 % (10,000 at 0.1 %).
    Source: Carlini et al., arXiv 2112.03570, section 4.
    """
    members, others = _parted(scores_N, members_N)
    if not 0 < fpr < 1:
        raise MetricError(f"a false-positive rate lies in (0, 1), got {fpr}")
    allowed, least = fpr * len(others), LEAST_FALSE[fpr >= LOW_FPR]
    if allowed < least * (1 - 1e-9):
        raise MetricError(f"wanted at least {round(least / fpr)} non-members for a false-positive rate of {fpr:g}, got {len(others)}")
    falling = others.sort(descending=True).values
    threshold = falling[min(int(allowed * (1 + 1e-9)), len(falling) - 1)]  # strictly above it lie no more than are allowed
    return float((members > threshold).double().mean())


def balanced_accuracy(scores_N: Tensor, members_N: Tensor) -> float:
    """Scores (N,) and who is a member (N,) bool -> the greatest mean of both sides' shares told rightly, over all thresholds.

    Raises as `auc`.
    """
    members, others = _parted(scores_N, members_N)
    thresholds = torch.cat((torch.unique(scores_N.double()), torch.tensor([-torch.inf], dtype=torch.float64)))
    told = [1 - torch.searchsorted(side.sort().values, thresholds, right=True) / len(side) for side in (members, others)]
    return float(((told[0] + 1 - told[1]) / 2).max())


def _parted(scores_N: Tensor, members_N: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of members and those of others, float64."""
    if scores_N.ndim != 1 or members_N.shape != scores_N.shape or members_N.dtype != torch.bool:
        raise ShapeError(f"wanted scores (N,) and bool (N,), got {tuple(scores_N.shape)} and {members_N.dtype} {tuple(members_N.shape)}")
    if not bool(torch.isfinite(scores_N).all()):
        raise MetricError(f"wanted finite scores, got {int((~torch.isfinite(scores_N)).sum())} that are not")
    members, others = scores_N[members_N].double(), scores_N[~members_N].double()
    if not len(members) or not len(others):
        raise MetricError(f"wanted at least one member and one other, got {len(members)} and {len(others)}")
    return members, others


def _resampled_auc(scores_N: Tensor, members_N: Tensor, rng: torch.Generator, replicates: int) -> Tensor:
    """The AUC in each of as many resamples of members and of others (R), float64."""
    members, others = _parted(scores_N, members_N)
    ordered = others.sort().values
    below, up_to = (torch.searchsorted(ordered, members, right=right) for right in (False, True))
    found = []
    for piece in torch.split(torch.arange(replicates), max(1, PIECE_DRAWS // (len(members) + len(others)))):
        drawn_RM = draw_counts(len(piece), len(members), rng).double()
        drawn_RO = draw_counts(len(piece), len(others), rng).double()
        so_far = torch.cat((torch.zeros(len(piece), 1, dtype=torch.float64), drawn_RO.cumsum(1)), 1)
        found.append((drawn_RM * (so_far[:, below] + so_far[:, up_to]) / 2).sum(1) / (len(members) * len(others)))
    return torch.cat(found)
