"""How compact classes are for the distance between them: activations (N,A) and labels (N,) -> one number, 0 = one point per class."""

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import Labels


def class_distance_normalised_variance(activations_NA: Tensor, labels_N: Labels) -> float:
    """Activations (N,A) and labels (N,) -> mean over pairs of classes of (Var_i + Var_j) / (2 |m_i - m_j|^2), in [0, inf).

    m_c is the mean of a class's activations and Var_c their mean squared distance from it. 0: each class is one point; 1: a class's
    variance is the squared distance to the next one. It has no unit and does not change when activations are turned, moved or scaled.
    Classes without a label here have no part. Raises ShapeError for other shapes; MetricError for fewer than two classes, values
    that are not finite, and two classes with the same mean, whose distance can normalise nothing.
    Source: Galanti, György and Hutter, "On the role of neural collapse in transfer learning" (arXiv 2112.15121), definition of CDNV.
    """
    if activations_NA.ndim != 2 or labels_N.shape != activations_NA.shape[:1]:
        raise ShapeError(f"wanted activations (N,A) and labels (N,), got {tuple(activations_NA.shape)} and {tuple(labels_N.shape)}")
    if not bool(torch.isfinite(activations_NA).all()):
        raise MetricError(f"wanted finite activations, got {int((~torch.isfinite(activations_NA)).sum())} values that are not")
    present, classes_N, counts_K = torch.unique(labels_N, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise MetricError(f"wanted activations of at least two classes, got {len(present)}")
    points_NA = activations_NA.double()
    means_KA = torch.zeros(len(present), points_NA.shape[1], dtype=torch.float64, device=points_NA.device)
    means_KA = means_KA.index_add_(0, classes_N, points_NA) / counts_K.unsqueeze(1)
    squares_N = (points_NA - means_KA[classes_N]).square().sum(1)
    variances_K = torch.zeros_like(means_KA[:, 0]).index_add_(0, classes_N, squares_N) / counts_K
    first, second = torch.triu_indices(len(present), len(present), offset=1)
    distances = torch.pdist(means_KA).square()  # in the order of these pairs
    if not float(distances.min()) > 0:
        raise MetricError("two classes have the same mean activation, and no distance to normalise by")
    return float(((variances_K[first] + variances_K[second]) / (2 * distances)).mean())
