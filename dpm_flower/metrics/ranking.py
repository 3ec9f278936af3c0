"""How well scores of candidates find the right one: scores (N,G) and the right candidate's index (N,) -> figures of each row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


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


def _harmonic(count: int) -> Tensor:
    """The sums of the first 0, 1, ... count reciprocals (count + 1,), float64."""
    return torch.cat((torch.zeros(1, dtype=torch.float64), torch.arange(1, count + 1, dtype=torch.float64).reciprocal().cumsum(0)))
