"""How well scores tell which images have an attribute: average precision of each attribute, and their mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sklearn.metrics import average_precision_score
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


@dataclass(frozen=True, slots=True)
class MeanAveragePrecision:
    """Average precision in [0,1] by attribute, and what who knows nothing has by attribute: the share of images that have it.

    `left_out` names the attributes that all images have, or none: there is nothing to be told apart.
    """

    by_attribute: Mapping[str, float]
    by_chance: Mapping[str, float]
    left_out: tuple[str, ...]

    @property
    def mean(self) -> float:
        """mAP: the mean over the attributes that are not left out."""
        return sum(self.by_attribute.values()) / len(self.by_attribute)

    @property
    def chance(self) -> float:
        """mAP of who knows nothing."""
        return sum(self.by_chance.values()) / len(self.by_chance)


def mean_average_precision(scores_NA: Tensor, attributes_NA: Tensor, names: Sequence[str]) -> MeanAveragePrecision:
    """Scores (N,A), higher = more probably has it, attributes (N,A) of 0 and 1, and the A names -> average precision of each.

    Average precision is the mean of the precision at each image that has the attribute, images ranked by their scores, without
    interpolation (scikit-learn's; equal scores share a rank). Raises ShapeError for other shapes; MetricError for scores that are not
    finite, for other values, and where no attribute has both values.
    """
    if scores_NA.ndim != 2 or scores_NA.shape != attributes_NA.shape or len(names) != scores_NA.shape[1]:
        raise ShapeError(f"wanted scores and attributes (N,{len(names)}), got {tuple(scores_NA.shape)} and {tuple(attributes_NA.shape)}")
    if not bool(scores_NA.isfinite().all()):
        raise MetricError(f"wanted finite scores, got {int((~scores_NA.isfinite()).sum())} that are not")
    if bool(((attributes_NA != 0) & (attributes_NA != 1)).any()):
        raise MetricError(f"wanted attributes of 0 and 1, got {sorted(set(attributes_NA.flatten().tolist()))}")
    scores, truth = scores_NA.double().cpu().numpy(), attributes_NA.cpu().numpy()
    told = {name: column for column, name in enumerate(names) if 0 < truth[:, column].sum() < len(truth)}
    if not told:
        raise MetricError(f"wanted an attribute that some images have and some have not, got none among {', '.join(names) or 'none'}")
    return MeanAveragePrecision(
        {name: float(average_precision_score(truth[:, column], scores[:, column])) for name, column in told.items()},
        {name: float(truth[:, column].mean()) for name, column in told.items()},
        tuple(name for name in names if name not in told),
    )
