"""How well scores tell which images have an attribute, where that is known: AUC and average precision, and the mean AUC's interval."""

from dataclasses import dataclass

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.metrics.resampling import PIECE_DRAWS, REPLICATES, TAIL, draw_counts

LEAST_OF_EACH = 5  # images that have it, and as many that have it not: a single one would decide an attribute of fewer


@dataclass(frozen=True, slots=True, eq=False)
class AttributeScores:
    """By attribute (A,), float64 in [0,1]: the area under the ROC curve, and average precision; chance has 0.5 and the attribute's rate."""

    auc: Tensor
    average_precision: Tensor


def tellable(known_NA: Tensor) -> Tensor:
    """Attributes (N,A) as in `Labelled` -> the numbers (a,) of those that at least 5 images are known to have, and 5 to have not."""
    fewest_A = torch.minimum((known_NA == 1).sum(0), (known_NA == 0).sum(0))
    return (fewest_A >= LEAST_OF_EACH).nonzero().flatten()


def attribute_scores(scores_NA: Tensor, known_NA: Tensor) -> AttributeScores:
    """Scores (N,A), higher = rather has it, and attributes (N,A) as in `Labelled` -> how well each one's scores tell it (scikit-learn's).

    Equal scores count half, in average precision they share a rank; images of which an attribute is unknown do not count for it.
    Raises ShapeError for other shapes; MetricError for scores that are not finite and for attributes that none or all are known to have.
    """
    _check(scores_NA, known_NA)
    scores, known = scores_NA.double().numpy(), known_NA.numpy()
    rows = [known[:, column] != UNKNOWN for column in range(known.shape[1])]
    pairs = [(known[row, column], scores[row, column]) for column, row in enumerate(rows)]
    return AttributeScores(
        auc=torch.tensor([roc_auc_score(*pair) for pair in pairs], dtype=torch.float64),
        average_precision=torch.tensor([average_precision_score(*pair) for pair in pairs], dtype=torch.float64),
    )


def mean_auc_interval(scores_NA: Tensor, known_NA: Tensor, rng: torch.Generator, replicates: int = REPLICATES) -> tuple[float, float]:
    """Scores and attributes (N,A) -> the ends of the 95 % interval of the mean AUC over the attributes, by a percentile bootstrap.

    Images are resampled, the same for all attributes; in a resample the mean is over those that are still told apart there. Raises as
    `attribute_scores`, and MetricError for fewer than 2 replicates.
    """
    _check(scores_NA, known_NA)
    if replicates < 2:  # one has no spread
        raise MetricError(f"wanted at least 2 replicates, got {replicates}")
    found = list[Tensor]()
    for piece in torch.split(torch.arange(replicates), max(1, PIECE_DRAWS // len(scores_NA))):
        counts_RN = draw_counts(len(piece), len(scores_NA), rng)
        found.append(torch.stack([_auc(scores, known, counts_RN) for scores, known in zip(scores_NA.T, known_NA.T, strict=True)]))
    means_R = torch.cat(found, 1).nanmean(0)
    return float(means_R.nanquantile(TAIL)), float(means_R.nanquantile(1 - TAIL))


def _auc(scores_N: Tensor, known_N: Tensor, counts_RN: Tensor) -> Tensor:
    """The AUC of one attribute in each resample (R,), float64; nan where only one side was drawn."""
    has, has_not = known_N == 1, known_N == 0
    ordered, order = scores_N[has_not].sort()
    below, up_to = (torch.searchsorted(ordered, scores_N[has].contiguous(), right=right) for right in (False, True))
    drawn_RH, others_Rn = counts_RN[:, has].double(), counts_RN[:, has_not][:, order].double()
    so_far = torch.cat((torch.zeros(len(counts_RN), 1, dtype=torch.float64), others_Rn.cumsum(1)), 1)
    wins_R = (drawn_RH * (so_far[:, below] + so_far[:, up_to])).sum(1) / 2
    return wins_R / (drawn_RH.sum(1) * so_far[:, -1])


def _check(scores_NA: Tensor, known_NA: Tensor) -> None:
    if scores_NA.ndim != 2 or scores_NA.shape != known_NA.shape:
        raise ShapeError(f"wanted scores and attributes (N,A), got {tuple(scores_NA.shape)} and {tuple(known_NA.shape)}")
    if not bool(scores_NA.isfinite().all()):
        raise MetricError(f"wanted finite scores, got {int((~scores_NA.isfinite()).sum())} that are not")
    if not known_NA.shape[1] or not bool(((known_NA == 1).any(0) & (known_NA == 0).any(0)).all()):
        raise MetricError("wanted attributes that some images are known to have, and some not to have")
