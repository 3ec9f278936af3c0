import math

import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.pixel_error import l1, psnr, sign_aware_l1, sign_aware_psnr

IMAGES = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))
GUESSES = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(1))


def test_they_equal_the_slow_definitions():
    for row in range(3):
        pairs = list(zip(IMAGES[row].flatten().tolist(), GUESSES[row].flatten().tolist(), strict=True))
        assert l1(IMAGES, GUESSES)[row] == pytest.approx(sum(abs(x - g) for x, g in pairs) / 60, rel=1e-5)
        assert psnr(IMAGES, GUESSES)[row] == pytest.approx(10 * math.log10(60 / sum((x - g) ** 2 for x, g in pairs)), rel=1e-5)


def test_ends_of_the_scales():
    black, white = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    assert l1(black, white).tolist() == [1, 1]
    assert psnr(black, white).tolist() == [0, 0]
    assert l1(black, black).tolist() == [0, 0]
    assert psnr(black, black).tolist() == [math.inf, math.inf]


def test_a_tenth_everywhere_is_twenty_decibels():
    grey = torch.full((1, 3, 4, 4), 0.5)
    assert psnr(grey, grey + 0.1).item() == pytest.approx(20, abs=1e-4)
    assert l1(grey, grey + 0.1).item() == pytest.approx(0.1)


def test_sign_aware_is_the_nearer_of_the_guess_and_its_negative():
    turned = torch.cat([GUESSES[:1], 1 - GUESSES[1:]])
    assert sign_aware_l1(GUESSES, turned).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert float(sign_aware_psnr(GUESSES, turned).min()) > 100
    for score, aware, nearer in ((l1, sign_aware_l1, min), (psnr, sign_aware_psnr, max)):
        both = zip(score(IMAGES, GUESSES).tolist(), score(IMAGES, 1 - GUESSES).tolist(), strict=True)
        assert aware(IMAGES, GUESSES).tolist() == pytest.approx([nearer(pair) for pair in both])
        torch.testing.assert_close(aware(IMAGES, 1 - GUESSES), aware(IMAGES, GUESSES))


@pytest.mark.parametrize("score", [l1, psnr, sign_aware_l1, sign_aware_psnr])
def test_refusals(score):
    with pytest.raises(ShapeError):
        score(IMAGES, GUESSES[:2])
    with pytest.raises(MetricError):
        score(IMAGES, GUESSES * math.nan)
