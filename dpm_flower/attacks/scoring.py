"""How near an attacker's guesses come to the truth, which only the scorer sees."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.similarity import sign_aware_ssim


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Sign-aware SSIM of an attacker's guesses: mean and 95th percentile over the victims' images, in [-1, 1]."""

    mean: float
    p95: float
    images: int


def disclosure(truth_NCHW: Tensor, guess: Guess) -> Disclosure:
    """True images (N,C,H,W) and guesses in the same order -> their likeness, positive or negative picture, whichever is nearer.

    Raises ShapeError unless there is one guess of the same shape for each image, MetricError for values that are no images.
    """
    scores = sign_aware_ssim(truth_NCHW, guess.images)
    return Disclosure(float(scores.mean()), float(scores.quantile(0.95)), len(scores))
