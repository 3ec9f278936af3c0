"""What can be guessed without a release: labels -> the mean image of each one's class, or of all images where the classes are others."""

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled, Labels, as_floats
from dpm_flower.core.protocols import Guess

PIECE_IMAGES = 512  # images that are floats at a time


def class_mean_guess(labels_N: Labels, auxiliary: Labelled) -> Guess:
    """Labels (N,) and images of the same classes -> for each label the mean image of its class, (N,C,H,W) in the labels' order.

    A class without an auxiliary image has the mean of all of them. This is the guess with the least squared error of anybody who
    knows the label only. Raises ShapeError unless labels are (N,), DataError for labels outside the auxiliary set's classes and a
    set without images. Source: SPEC.md, section 8.
    """
    if labels_N.ndim != 1:
        raise ShapeError(f"wanted labels (N,), got {tuple(labels_N.shape)}")
    if len(labels_N) and not 0 <= int(labels_N.min()) <= int(labels_N.max()) < auxiliary.classes:
        raise DataError(
            f"wanted labels in [0, {auxiliary.classes}), the auxiliary images' classes, got {int(labels_N.min())} to {int(labels_N.max())}"
        )
    sums_KCHW, counts_K = _sums(auxiliary.images, auxiliary.labels, auxiliary.classes)
    overall_1CHW = sums_KCHW.sum(0, keepdim=True) / len(auxiliary)
    means_KCHW = sums_KCHW / counts_K.clamp_min(1).view(-1, 1, 1, 1)
    means_KCHW = torch.where((counts_K > 0).view(-1, 1, 1, 1), means_KCHW, overall_1CHW)
    return Guess(means_KCHW.float().clamp_(0.0, 1.0)[labels_N])


def mean_guess(count: int, images_MCHW: Tensor) -> Guess:
    """How many guesses are wanted, and auxiliary images of other classes (M,C,H,W) -> the mean image, (N,C,H,W) without copies.

    Where the classes are others, a label tells nothing. Raises DataError for a set without images.
    """
    sums_1CHW, _ = _sums(images_MCHW, torch.zeros(len(images_MCHW), dtype=torch.int64, device=images_MCHW.device), 1)
    mean_1CHW = (sums_1CHW / len(images_MCHW)).float().clamp_(0.0, 1.0)
    return Guess(mean_1CHW.expand(count, -1, -1, -1))


def _sums(images_MCHW: Tensor, labels_M: Labels, classes: int) -> tuple[Tensor, Tensor]:
    """Images, bytes or floats, and labels -> each class's sum of images (K,C,H,W), float64, and its number of them (K,)."""
    if not len(images_MCHW):
        raise DataError("wanted at least one auxiliary image, got none")
    sums_KCHW = torch.zeros(classes, *images_MCHW.shape[1:], dtype=torch.float64, device=images_MCHW.device)
    for images, labels in zip(torch.split(images_MCHW, PIECE_IMAGES), torch.split(labels_M, PIECE_IMAGES), strict=True):
        sums_KCHW.index_add_(0, labels, as_floats(images).double())
    return sums_KCHW, torch.bincount(labels_M, minlength=classes)
