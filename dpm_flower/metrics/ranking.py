"""How well scores of candidates find the right one: scores (N,G) and the right candidate's index (N,) -> figures of each row."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError

NORMAL_95 = 1.959963984540054  # standard deviations to either side of a normal's mean that hold 95 % of it


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Of N rows, float64: how probably the right one of `candidates` comes first, and the expected reciprocal of its rank.

    With one right candidate a row's average precision is that reciprocal, so that its mean over the rows is mAP.
    """

    rank1: Tensor  # (N,), [0,1]; between the two where others score as high
    average_precision: Tensor  # (N,), (0,1]
    candidates: int

    @property
    def rank1_by_chance(self) -> float:
        """Rank-1 of who knows nothing, 1 / G."""
        return 1.0 / self.candidates

    @property
    def average_precision_by_chance(self) -> float:
        """Average precision of who knows nothing, (1 + 1/2 + ... + 1/G) / G."""
        return float(_harmonic(self.candidates)[-1]) / self.candidates

    @property
    def figures(self) -> dict[str, float]:
        """Means over the rows by "rank1" and "map"; what chance gives by "rank1_chance" and "map_chance"."""
        return {
            "rank1": float(self.rank1.mean()),
            "map": float(self.average_precision.mean()),
            "rank1_chance": self.rank1_by_chance,
            "map_chance": self.average_precision_by_chance,
        }


def ranking(scores_NG: Tensor, right_N: Tensor) -> Ranking:
    """Scores (N,G), higher = better, and the index (N,) of each row's right candidate -> where that one comes.

    Candidates with the same score come in any order, and what is given is the mean over all orders: a matcher that has nothing to
    say ranks as chance does, wherever in the gallery the right one lies. Raises ShapeError for other shapes; MetricError for no rows,
    scores that are nan, and indices of no candidate.
    """
    if scores_NG.ndim != 2 or right_N.shape != scores_NG.shape[:1]:
        raise ShapeError(f"wanted scores (N,G) and indices (N,), got {tuple(scores_NG.shape)} and {tuple(right_N.shape)}")
    rows, candidates = scores_NG.shape
    if not rows or not candidates:
        raise MetricError(f"wanted at least one row and one candidate, got {rows} and {candidates}")
    if bool(scores_NG.isnan().any()):
        raise MetricError(f"wanted scores that can be compared, got {int(scores_NG.isnan().sum())} that are nan")
    if not 0 <= int(right_N.min()) <= int(right_N.max()) < candidates:
        raise MetricError(f"wanted indices in [0, {candidates}), got {int(right_N.min())} to {int(right_N.max())}")
    right_N1 = scores_NG.gather(1, right_N.unsqueeze(1))
    better_N = (scores_NG > right_N1).sum(1)
    equal_N = (scores_NG == right_N1).sum(1)  # itself among them
    up_to = _harmonic(candidates)
    return Ranking(
        rank1=(better_N == 0).double() / equal_N,
        average_precision=(up_to[better_N + equal_N] - up_to[better_N]) / equal_N,  # the mean of 1/rank over the ranks that it may have
        candidates=candidates,
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """A share of `count` independent trials, for example rank-1 of as many rows -> the ends of its 95 % interval, in [0,1].

    It has a width where none or all succeeded, and never leaves [0,1]. The share may be a mean of probabilities, as rank-1 is
    where candidates score alike; those scatter less than successes and failures do, and the interval is then too wide. Raises
    MetricError for shares outside [0,1] and fewer than one trial. Source: Wilson 1927; without continuity correction.
    """
    if not 0 <= share <= 1 or count < 1:
        raise MetricError(f"wanted a share in [0, 1] of at least one trial, got {share} of {count}")
    squared = NORMAL_95**2
    middle = share + squared / (2 * count)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    low, high = ((middle + sign * half) / (1 + squared / count) for sign in (-1, 1))
    return (max(low, 0.0) if share > 0 else 0.0), (min(high, 1.0) if share < 1 else 1.0)


def _harmonic(count: int) -> Tensor:
    """The sums of the first 0, 1, ... count reciprocals (count + 1,), float64."""
    return torch.cat((torch.zeros(1, dtype=torch.float64), torch.arange(1, count + 1, dtype=torch.float64).reciprocal().cumsum(0)))
