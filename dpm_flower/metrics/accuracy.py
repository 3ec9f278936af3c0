"""Whether the right class is among a decider's best k."""

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import Labels


def top_k_correct(logits_BK: Tensor, labels_B: Labels, k: int = 1) -> Tensor:
    """Logits (B,K) and labels (B,) -> (B,) bool, whether each label is among its k highest logits.

    Equal logits rank by class number, so that the answer is the same on every device. Raises ShapeError for other shapes;
    MetricError for k outside [1, K], labels outside [0, K), and logits that are not finite.
    """
    if logits_BK.ndim != 2 or labels_B.shape != logits_BK.shape[:1]:
        raise ShapeError(f"wanted logits (B,K) and labels (B,), got {tuple(logits_BK.shape)} and {tuple(labels_B.shape)}")
    classes = logits_BK.shape[1]
    if not 1 <= k <= classes:
        raise MetricError(f"k must lie between 1 and the number of classes, {classes}, got {k}")
    if len(labels_B) and (labels_B.dtype != torch.int64 or int(labels_B.min()) < 0 or int(labels_B.max()) >= classes):
        raise MetricError(
            f"wanted int64 labels in [0, {classes}), got {labels_B.dtype} labels from {int(labels_B.min())} to {int(labels_B.max())}"
        )
    if not bool(torch.isfinite(logits_BK).all()):
        raise MetricError(f"wanted finite logits, got {int((~torch.isfinite(logits_BK)).sum())} that are not")
    of_label_B1 = logits_BK.gather(1, labels_B.unsqueeze(1))
    lower_number_BK = torch.arange(classes, device=logits_BK.device) < labels_B.unsqueeze(1)
    ahead_BK = (logits_BK > of_label_B1) | ((logits_BK == of_label_B1) & lower_number_BK)
    return ahead_BK.sum(1) < k
