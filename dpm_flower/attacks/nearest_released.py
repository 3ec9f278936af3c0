"""Guesses for victims that no guess was made for: of all that came of an unpaired release, for each victim the nearest."""

from torch import Tensor

from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.copying import nearest


def nearest_released(truth_NCHW: Tensor, guess: Guess) -> Guess:
    """Own images (N,C,H,W) and what an attacker made of a whole release, in no order -> for each own image the guess nearest to it.

    No attacker can choose like that, since it takes the truth: it is what one would get out that happened to choose best, pixel by
    pixel, and in this the audit of an unpaired release errs on the side of the victims. Among many guesses some is near every image,
    copied or not, so that this lies above the floor even of a release that tells nothing; whether it was copied is told by how much
    nearer training images are than held-out ones. Raises ShapeError for guesses of another shape, MetricError for none.
    """
    return Guess(guess.images[nearest(truth_NCHW, guess.images).which])
