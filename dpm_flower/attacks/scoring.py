"""How near an attacker's guesses come to the truth, which only the scorer sees."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.similarity import sign_aware_ssim

BATCH = 256  # images per pass of the similarity


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Sign-aware SSIM of an attacker's guesses: mean and 95th percentile over the victims' images, in [-1, 1]."""

    mean: float
    p95: float
    images: int


def disclosure(truth_NCHW: Tensor, guess: Guess) -> Disclosure:
    """True images (N,C,H,W) and guesses in the same order -> their likeness, positive or negative picture, whichever is nearer."""
    pairs = zip(torch.split(truth_NCHW, BATCH), torch.split(guess.images, BATCH), strict=True)
    scores = torch.cat([sign_aware_ssim(images, guesses) for images, guesses in pairs])
    return Disclosure(float(scores.mean()), float(scores.quantile(0.95)), len(scores))
