"""How well a segmenter's probabilities find what masks show, pixel by pixel, inside a field of view where there is one."""

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


def f1(said: Tensor, masks: Tensor, threshold: float, inside: Tensor | None = None) -> float:
    """Probabilities and masks of 0 and 1, of any one shape -> F1 of what lies at or above the threshold, over all pixels `inside`.

    2 TP / (2 TP + FP + FN), the Dice of the two regions. Raises ShapeError for other shapes; MetricError for values that are no
    probabilities, and where neither says anything is there.
    """
    values, truth = _pixels(said, masks, inside)
    found = values >= threshold
    whole = int(found.sum()) + int(truth.sum())
    if not whole:
        raise MetricError("wanted a mask or an answer with at least one pixel, got neither")
    return 2 * int((found & truth).sum()) / whole


def best_threshold(said: Tensor, masks: Tensor, inside: Tensor | None = None) -> float:
    """Probabilities and masks of validation images -> the threshold with the greatest F1 among the probabilities that occur.

    Of equal ones the highest. Raises as `f1` does, and MetricError for masks without a pixel.
    """
    values, truth = _pixels(said, masks, inside)
    if not bool(truth.any()):
        raise MetricError("wanted masks with at least one pixel, got none")
    ordered, order = values.sort(descending=True, stable=True)
    right = truth[order].cumsum(0).double()
    scores = 2 * right / (torch.arange(1, len(ordered) + 1) + int(truth.sum()))
    last = torch.ones(len(ordered), dtype=torch.bool)
    last[:-1] = ordered[:-1] != ordered[1:]  # all pixels with one probability are found together
    return float(ordered[scores.where(last, -1.0).argmax()])


def pixel_auc(said: Tensor, masks: Tensor, inside: Tensor | None = None) -> float:
    """Probabilities and masks of 0 and 1 -> area under the ROC curve over all pixels `inside`; 0.5 = chance.

    Raises as `f1` does, and MetricError for masks of one value only.
    """
    values, truth = _pixels(said, masks, inside)
    if bool(truth.all()) or not bool(truth.any()):
        raise MetricError("wanted masks with pixels of both kinds, got one")
    return float(roc_auc_score(truth.numpy(), values.numpy()))


def _pixels(said: Tensor, masks: Tensor, inside: Tensor | None) -> tuple[Tensor, Tensor]:
    """-> probabilities (n,) and truth (n,) bool, of the pixels inside."""
    shapes = {tuple(each.shape) for each in (said, masks, *([] if inside is None else [inside]))}
    if len(shapes) != 1:
        raise ShapeError(f"wanted probabilities, masks and field of view of one shape, got {sorted(shapes)}")
    values, truth = said.flatten().double(), masks.flatten().bool()
    if inside is not None:
        values, truth = values[inside.flatten().bool()], truth[inside.flatten().bool()]
    if not len(values):
        raise MetricError("wanted at least one pixel, got none")
    if not bool(((values >= 0) & (values <= 1)).all()):  # also false for NaN
        raise MetricError(f"wanted probabilities in [0, 1], got a range from {float(values.min())} to {float(values.max())}")
    return values, truth
