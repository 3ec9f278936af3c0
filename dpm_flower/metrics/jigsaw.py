"""How well a puzzle was solved: patches (B,N,...) of images and of guesses, in reading order -> shares of them put right (B,).

Direct and neighbour comparison, as the literature on jigsaw puzzles has them. Source: Cho, Avidan, Freeman, CVPR 2010, section 5.
"""

import math

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


def patch_accuracy(truth_BND: Tensor, guess_BND: Tensor) -> Tensor:
    """Patches of images and guesses (B,N,...) -> share of the places that hold the right patch (B,) in [0,1]: direct comparison.

    Patches are compared by what they show: two that are alike may change places. Raises ShapeError for unequal shapes, MetricError
    unless N is a square number of at least 4.
    """
    truth, guess, _ = _checked(truth_BND, guess_BND)
    return (truth == guess).all(2).double().mean(1)


def neighbour_accuracy(truth_BND: Tensor, guess_BND: Tensor) -> Tensor:
    """Patches of images and guesses (B,N,...) -> share of the pairs side by side that are so in the image (B,) in [0,1].

    Pairs one beside the other and one below the other, each in its direction. Raises as `patch_accuracy` does.
    """
    truth, guess, columns = _checked(truth_BND, guess_BND)
    same_BNN = torch.stack([(one[:, None] == other[None]).all(2) for one, other in zip(guess, truth, strict=True)])
    places = torch.arange(columns * columns).view(columns, columns)
    right = [
        _pairs_kept(same_BNN, first.flatten(), second.flatten())
        for first, second in ((places[:, :-1], places[:, 1:]), (places[:-1], places[1:]))
    ]
    return torch.cat(right, 1).double().mean(1)


def patch_accuracy_by_chance(patches: int) -> float:
    """Patches of an image, all different -> the `patch_accuracy` expected of a random order, 1 / N."""
    return 1.0 / patches


def neighbour_accuracy_by_chance(patches: int) -> float:
    """Patches of an image, all different -> the `neighbour_accuracy` expected of a random order.

    Any ordered pair of patches comes to lie in a pair of places with probability 1 / (N (N - 1)), and there are as many right pairs
    as pairs of places in that direction.
    """
    columns = math.isqrt(patches)
    return columns * (columns - 1) / (patches * (patches - 1))


def _pairs_kept(same_BNN: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Whether patch i of the guess shows what patch j of the image does, and pairs of places -> which pairs hold a true pair (B,P)."""
    ahead = same_BNN[:, first][:, :, first]  # of the guess's pair, of the image's pair
    behind = same_BNN[:, second][:, :, second]
    return (ahead & behind).any(2)


def _checked(truth: Tensor, guess: Tensor) -> tuple[Tensor, Tensor, int]:
    """Both as (B,N,D), and patches in a row."""
    if truth.ndim < 3 or truth.shape != guess.shape:
        raise ShapeError(f"wanted patches of images and guesses of one shape (B,N,...), got {tuple(truth.shape)} and {tuple(guess.shape)}")
    columns = round(truth.shape[1] ** 0.5)
    if columns < 2 or columns * columns != truth.shape[1] or not len(truth):
        raise MetricError(f"wanted at least one image, of as many patches as fill a square, at least 4, got {tuple(truth.shape)}")
    return truth.flatten(2), guess.flatten(2), columns
