import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.nn import functional

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics import edge as module
from dpm_flower.metrics.edge import edge_similarity, outlines

RNG = torch.Generator().manual_seed(0)
SCANS = torch.from_numpy(load_digits().images[:12]).float().unsqueeze(1) / 16
DIGITS = functional.interpolate(SCANS, size=(20, 18), mode="bilinear").expand(-1, 3, -1, -1).contiguous()
NOISE = torch.rand(DIGITS.shape, generator=RNG)


def slow_outlines(image):
    """One image (C,H,W), pixel by pixel: Sobel's two sums over the eight neighbours in each channel."""
    framed = numpy.pad(image.double().numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
    sobel = numpy.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    found = numpy.zeros(image.shape[1:])
    for row, column in numpy.ndindex(found.shape):
        patches = framed[:, row : row + 3, column : column + 3]
        squares = [(patch * sobel).sum() ** 2 + (patch * sobel.T).sum() ** 2 for patch in patches]
        found[row, column] = numpy.sqrt(numpy.mean(squares))
    return torch.from_numpy(found)


def slow_score(image, guess):
    """By the definition: in every window the correlation of both outline strengths, from moments about their own means."""
    axis = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(axis, axis) / axis.sum() ** 2
    x, g = slow_outlines(image), slow_outlines(guess)
    faintest, score, most = (1 / 255) ** 2 / 36, 0.0, 0.0
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            p, q = (plane[top : top + 11, left : left + 11] for plane in (x, g))
            p, q = p - (window * p).sum(), q - (window * q).sum()
            variance, other = (window * p * p).sum(), (window * q * q).sum()
            weight = variance / (variance + 9e-4)
            score += weight * (window * p * q).sum() / (variance * (other + faintest)).sqrt()
            most += weight * (variance / (variance + faintest)).sqrt()
    return float(score / most)


@pytest.mark.parametrize("image", [NOISE[0], DIGITS[0], NOISE[1, :1]])
def test_outlines_are_sobel_s_at_every_pixel(image):
    torch.testing.assert_close(outlines(image[None])[0, 0].double(), slow_outlines(image), rtol=0, atol=1e-6)


def test_a_step_from_black_to_white_has_the_strength_one():
    step = (torch.arange(12) >= 6).float().expand(1, 3, 12, 12)
    for image in (step, step.mT, 1 - step):
        found = outlines(image)
        assert float(found.max()) == 1
        assert float(found.sum()) == 24  # both sides of it, along its length, and nothing else


@pytest.mark.parametrize(
    ("image", "guess"), [(DIGITS[0], 0.5 * DIGITS[0] + 0.5 * NOISE[0]), (NOISE[1], NOISE[2]), (DIGITS[1], DIGITS[2]), (NOISE[3], DIGITS[3])]
)
def test_it_is_the_correlation_of_outlines_window_by_window(image, guess):
    image, guess = image[:, :14, :13], guess[:, :14, :13]
    assert float(edge_similarity(image[None], guess[None])) == pytest.approx(slow_score(image, guess), abs=1e-3)


@pytest.mark.parametrize("images", [DIGITS, 0.3 * DIGITS, NOISE, NOISE[:, :1]])
@pytest.mark.parametrize(
    "changed",
    [
        lambda x: x,
        lambda x: 1 - x,
        lambda x: 0.7 + 0.3 * x,
        lambda x: 1 - 0.3 * x,
        lambda x: 0.45 + 0.1 * x,
        lambda x: torch.cat((x[:, :1], 1 - x[:, 1:]), 1),
    ],
)
def test_brightness_contrast_and_sign_hide_no_outline(images, changed):
    assert float(edge_similarity(images, changed(images)).min()) > 0.95


def test_identical_images_have_one():
    for images in (DIGITS, NOISE, 0.02 * NOISE):
        torch.testing.assert_close(edge_similarity(images, images), torch.ones(len(images)), rtol=0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1), st.sampled_from([1, 3]), st.integers(11, 15), st.integers(11, 15))
def test_a_picture_and_its_negative_score_the_same_and_within_bounds(seed, share, channels, height, width):
    rng = torch.Generator().manual_seed(seed)
    images, guesses = torch.rand(2, 2, channels, height, width, generator=rng)
    guesses = share * images + (1 - share) * guesses
    found = edge_similarity(images, guesses)
    torch.testing.assert_close(edge_similarity(images, 1 - guesses), found, rtol=0, atol=1e-4)
    torch.testing.assert_close(edge_similarity(1 - images, guesses), found, rtol=0, atol=1e-4)
    assert bool((found.abs() <= 1).all())


def test_unrelated_images_have_about_nothing_and_mixtures_more_the_more_they_hold():
    shares = [float(edge_similarity(DIGITS, share * DIGITS + (1 - share) * NOISE).mean()) for share in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert abs(shares[0]) < 0.05
    assert shares == sorted(shares)
    noise = torch.rand(64, 3, 20, 18, generator=RNG)
    assert abs(float(edge_similarity(noise, noise.roll(1, 0)).mean())) < 0.02


def test_flat_surroundings_are_no_likeness():
    framed = functional.pad(DIGITS, (16,) * 4)
    unrelated = torch.rand(framed.shape, generator=RNG)
    assert float(edge_similarity(framed, framed).min()) > 0.999
    assert abs(float(edge_similarity(framed, unrelated).mean())) < 0.05
    assert abs(float(edge_similarity(unrelated, framed).mean())) < 0.05
    assert edge_similarity(framed, torch.zeros_like(framed)).tolist() == [0] * 12


def test_outlines_in_another_place_are_not_recovered():
    scores = [float(edge_similarity(DIGITS, DIGITS.roll(shift, -1)).mean()) for shift in (0, 1, 2)]
    assert scores[0] > scores[1] + 0.2 > scores[2] + 0.4


def test_colours_of_one_brightness_have_outlines():
    """The luma of red and green alike is the same everywhere."""
    mask = DIGITS[:, :1] > 0.4
    image = torch.cat((mask.float() * 0.587, (~mask).float() * 0.299, torch.zeros_like(mask)), 1)
    assert float(edge_similarity(image, mask.float().expand(-1, 3, -1, -1)).min()) > 0.99


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_flat_guess_and_a_flat_image_tell_nothing(level):
    flat = torch.full_like(DIGITS, level)
    for images, guesses in ((DIGITS, flat), (flat, DIGITS), (flat, flat), (flat, NOISE)):
        assert edge_similarity(images, guesses).tolist() == pytest.approx([0] * 12, abs=1e-2)


def test_a_copy_below_what_rounding_leaves_is_none():
    assert float(edge_similarity(DIGITS, 0.5 + 2e-4 * DIGITS).max()) < 0.2


def test_pieces_do_not_show(monkeypatch):
    whole = edge_similarity(DIGITS, NOISE)
    monkeypatch.setattr(module, "PIECE_IMAGES", 5)
    torch.testing.assert_close(edge_similarity(DIGITS, NOISE), whole, rtol=0, atol=1e-6)


def test_half_precision_is_scored_in_single():
    images, guesses = DIGITS.half(), NOISE.half()
    assert torch.equal(edge_similarity(images, guesses), edge_similarity(images.float(), guesses.float()))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(MetricError, match="at least 11 pixels, its window, got 10"):
        edge_similarity(NOISE[..., :10], NOISE[..., :10])
    with pytest.raises(MetricError, match="guesses"):
        edge_similarity(NOISE, NOISE + 1)
    with pytest.raises(ShapeError, match="one shape"):
        edge_similarity(NOISE, NOISE[:3])
