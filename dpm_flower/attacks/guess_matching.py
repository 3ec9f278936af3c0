"""Guesses that come in no order: which of them is of which image is settled in the attacker's favour."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.similarity import sign_aware_ssim


def in_order(truth_NCHW: Tensor, guess: Guess) -> Guess:
    """True images (N,C,H,W) and as many guesses in any order -> the guesses in the images' order.

    Of all orders it is the one with the greatest sum of sign-aware SSIM: a model update does not say which image came first, and
    somebody who knows the people in the pictures needs no order. It gives a chance likeness to those who know nothing too, and so a
    floor has to be ordered as well. Raises ShapeError unless there is one guess of the same shape for each image.
    """
    if guess.images.shape != truth_NCHW.shape:
        raise ShapeError(f"wanted guesses of the images' shape {tuple(truth_NCHW.shape)}, got {tuple(guess.images.shape)}")
    alike_NG = torch.stack([sign_aware_ssim(truth_NCHW, one.expand_as(truth_NCHW)) for one in guess.images], 1)
    _, chosen_N = linear_sum_assignment(alike_NG.double().numpy(), maximize=True)
    return Guess(guess.images[torch.as_tensor(chosen_N)])
