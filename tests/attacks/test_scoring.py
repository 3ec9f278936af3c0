import pytest
import torch

from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.similarity import ssim

RNG = torch.Generator().manual_seed(0)
TRUTH = torch.rand(21, 3, 12, 12, generator=RNG)
MIXED = TRUTH * torch.linspace(0, 1, 21).view(-1, 1, 1, 1) + torch.rand(TRUTH.shape, generator=RNG) * torch.linspace(1, 0, 21).view(
    -1, 1, 1, 1
)
GUESSES = torch.where(torch.arange(21).view(-1, 1, 1, 1) % 2 == 0, MIXED.clamp(0, 1), 1 - MIXED.clamp(0, 1))


def test_the_score_is_that_of_one_image_at_a_time():
    slow = sorted(
        max(float(ssim(image, guess)), float(ssim(image, 1 - guess))) for image, guess in zip(TRUTH.split(1), GUESSES.split(1), strict=True)
    )
    found = disclosure(TRUTH, Guess(GUESSES))
    assert found.mean == pytest.approx(sum(slow) / 21, abs=1e-5)
    assert found.p95 == pytest.approx(slow[19], abs=1e-5)  # of 21 values in order, 19 of 20 steps up
    assert found.images == 21


def test_a_picture_and_its_negative_disclose_everything():
    for guess in (TRUTH, 1 - TRUTH):
        assert disclosure(TRUTH, Guess(guess)).mean == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("guess", [GUESSES[:20], GUESSES[:, :1], torch.cat([GUESSES, GUESSES])])
def test_guesses_that_do_not_fit_the_images_are_refused(guess):
    with pytest.raises(ShapeError):
        disclosure(TRUTH, Guess(guess))


def test_no_images_have_no_score():
    with pytest.raises(MetricError):
        disclosure(TRUTH[:0], Guess(GUESSES[:0]))
