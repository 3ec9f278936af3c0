import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from dpm_flower.metrics.similarity import sign_aware_ssim, structure, windowed_ssim

RNG = torch.Generator().manual_seed(0)
SCANS = torch.from_numpy(load_digits().images[:12]).float().unsqueeze(1) / 16
DIGITS = functional.interpolate(SCANS, size=(16, 16), mode="bilinear").expand(-1, 3, -1, -1).contiguous()
NOISE = torch.rand(DIGITS.shape, generator=RNG)


def slow_structure(image, guess):
    """One image (C,H,W): by weighted least squares in every window, how much of the image's variance a line in the guess explains."""
    axis = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = (torch.outer(axis, axis) / axis.sum() ** 2).flatten()
    explained, weights = 0.0, 0.0
    for x, g in zip(image.double(), guess.double(), strict=True):
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                p, q = (plane[top : top + 11, left : left + 11].flatten() for plane in (x, g))
                line = torch.stack((torch.ones(121, dtype=torch.float64), q), 1) * window.sqrt().unsqueeze(1)
                found = torch.linalg.lstsq(line, (p * window.sqrt()).unsqueeze(1)).solution
                variance = (window * (p - (window * p).sum()) ** 2).sum()
                left_over = (window * (p - found[0] - found[1] * q) ** 2).sum()
                weight = float(variance / (variance + 9e-4))
                explained += weight * float(1 - left_over / variance)
                weights += weight
    return explained / weights


def test_it_is_what_the_best_line_through_each_window_explains():
    for image, guess in ((DIGITS[0], 0.5 * DIGITS[0] + 0.5 * NOISE[0]), (NOISE[1], NOISE[2]), (DIGITS[1], 1 - 0.4 * NOISE[1] * DIGITS[1])):
        found = float(structure(image[None, :1, :13, :12], guess[None, :1, :13, :12]))
        assert found == pytest.approx(slow_structure(image[:1, :13, :12], guess[:1, :13, :12]), abs=2e-3)


@pytest.mark.parametrize("images", [DIGITS, 0.3 * DIGITS, NOISE])
@pytest.mark.parametrize(
    "changed", [lambda x: x, lambda x: 1 - x, lambda x: 0.7 + 0.3 * x, lambda x: 1 - 0.3 * x, lambda x: 0.45 + 0.1 * x, lambda x: x / 10]
)
def test_brightness_contrast_and_sign_hide_nothing(images, changed):
    assert float(structure(images, changed(images)).min()) > 0.9


def test_it_sees_what_ssim_calls_hidden():
    dark = 0.3 * DIGITS
    for guess in (0.7 + dark, 0.45 + 0.2 * dark):
        assert float(sign_aware_ssim(dark, guess).max()) < 0.5
        assert float(windowed_ssim(dark, guess).max()) < 0.5
        assert float(structure(dark, guess).min()) > 0.9


@pytest.mark.parametrize("guess", [torch.zeros_like(DIGITS), torch.full_like(DIGITS, 0.7), torch.ones_like(DIGITS)])
def test_a_flat_guess_and_a_flat_image_tell_nothing(guess):
    assert structure(DIGITS, guess).tolist() == pytest.approx([0] * 12, abs=1e-4)
    assert structure(guess, DIGITS).tolist() == pytest.approx([0] * 12, abs=1e-2)
    assert structure(guess, guess).tolist() == pytest.approx([0] * 12, abs=0.1)


def test_chance_explains_little_and_more_of_the_image_more():
    shares = [float(structure(DIGITS, share * DIGITS + (1 - share) * NOISE).mean()) for share in (0.0, 0.3, 0.5, 0.8, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.06
    assert min(shares) >= 0
    assert max(shares) <= 1 + 1e-4


def test_flat_surroundings_do_not_make_an_image_harder_to_disclose():
    framed = functional.pad(DIGITS, (16,) * 4)
    assert float(structure(framed, framed).min()) > 0.99


def test_a_copy_below_what_rounding_leaves_is_none():
    assert float(structure(DIGITS, 0.5 + 2e-4 * DIGITS).max()) < 0.02
