"""Backward transfer: what later days did to what was learnt on earlier ones."""

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


def class_recalls(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Logits of test images and their labels -> the share of each class that was named rightly (K,), float64.

    Raises MetricError for a class without a test image.
    """
    counts = torch.bincount(labels_N, minlength=logits_NK.shape[1])
    if not bool((counts > 0).all()):
        raise MetricError(f"wanted test images of all {len(counts)} classes, got none of {(counts == 0).nonzero().flatten().tolist()}")
    right = torch.bincount(labels_N[logits_NK.argmax(1) == labels_N], minlength=len(counts))
    return right.double() / counts


def backward_transfer(recalls_TK: Tensor, mixes_TK: Tensor) -> float:
    """Recalls of each class after each of T days, and how often each class came that day -> by how much days got better afterwards.

    The mean, over all days but the last, of the accuracy on that day's mix of classes after the last day minus that after the day
    itself; below 0 is forgetting. Days differ in their mix of classes only, so that one test set serves for all: the accuracy on a mix
    is the mean of recalls by it. A day without images has no mix, and does not count; what was forgotten on it does. Source: Lopez-Paz
    and Ranzato 2017 (arXiv 1706.08840), equation 3. Raises ShapeError unless both are (T,K), MetricError where no day before the last
    has images.
    """
    if recalls_TK.ndim != 2 or recalls_TK.shape != mixes_TK.shape:
        raise ShapeError(f"wanted recalls and mixes of one shape (T,K), got {tuple(recalls_TK.shape)} and {tuple(mixes_TK.shape)}")
    counts = mixes_TK.double().sum(1)
    earlier = (counts[:-1] > 0).nonzero().flatten()
    if not len(earlier):
        raise MetricError(f"wanted images on a day before the last, got {len(recalls_TK)} days with {counts.tolist()}")
    mixes = mixes_TK[earlier].double() / counts[earlier].unsqueeze(1)
    after = mixes @ recalls_TK[-1].double()
    then = (mixes * recalls_TK[earlier].double()).sum(1)
    return float((after - then).mean())
