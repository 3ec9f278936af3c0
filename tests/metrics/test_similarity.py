import pytest
import torch

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics import similarity as module
from dpm_flower.metrics.similarity import sign_aware_ssim, similarity, ssim, structure, windowed_ssim
from tests.metrics.plain_ssim import ssim_map


@pytest.fixture
def images():
    return torch.rand(5, 3, 14, 13, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def guesses():
    return torch.rand(5, 3, 14, 13, generator=torch.Generator().manual_seed(1))


def slow_ssim(image, guess):
    """One image (C,H,W) by the definition: at every place of the 11 x 11 Gaussian window, from weighted moments."""
    axis = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(axis, axis) / axis.sum() ** 2
    values = []
    for x, y in zip(image.double(), guess.double(), strict=True):
        for top in range(x.shape[0] - 10):
            for left in range(x.shape[1] - 10):
                p, q = (plane[top : top + 11, left : left + 11] for plane in (x, y))
                mean_p, mean_q = (window * p).sum(), (window * q).sum()
                variance_p, variance_q = (window * (p - mean_p) ** 2).sum(), (window * (q - mean_q) ** 2).sum()
                covariance = (window * (p - mean_p) * (q - mean_q)).sum()
                light = (2 * mean_p * mean_q + 1e-4) / (mean_p**2 + mean_q**2 + 1e-4)
                values.append(light * (2 * covariance + 9e-4) / (variance_p + variance_q + 9e-4))
    return torch.stack(values).mean()


def test_it_equals_the_slow_definition(images, guesses):
    mixed = 0.6 * images + 0.4 * guesses
    expected = torch.stack([slow_ssim(*pair) for pair in zip(images, mixed, strict=True)])
    assert torch.allclose(ssim(images, mixed).double(), expected, atol=1e-5)


def test_identity_symmetry_and_bounds(images, guesses):
    assert torch.allclose(ssim(images, images), torch.ones(5))
    assert torch.allclose(ssim(images, guesses), ssim(guesses, images))
    assert ssim(images, guesses).abs().max() < 0.5


def test_a_negative_discloses_as_much_as_the_picture(images):
    assert ssim(images, 1 - images).max() < -0.5
    assert torch.allclose(sign_aware_ssim(images, 1 - images), torch.ones(5), atol=1e-5)
    assert torch.allclose(sign_aware_ssim(images, images), torch.ones(5))


def test_sign_aware_is_the_greater_of_both(images, guesses):
    both = torch.stack((ssim(images, guesses), ssim(images, 1 - guesses)))
    assert torch.allclose(sign_aware_ssim(images, guesses), both.amax(0), atol=1e-6)
    assert torch.allclose(sign_aware_ssim(images, guesses), sign_aware_ssim(images, 1 - guesses), atol=1e-6)


def patched(images):
    """The picture in its upper half, its negative in the lower."""
    return torch.cat((images[:, :, :16], 1 - images[:, :, 16:]), 2)


def test_a_picture_that_is_turned_in_parts_hides_from_one_sign_and_not_from_one_per_window():
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    assert sign_aware_ssim(images, patched(images)).max() < 0.2
    assert windowed_ssim(images, patched(images)).min() > 0.5
    for guesses in (images, 1 - images):
        assert torch.allclose(windowed_ssim(images, guesses), torch.ones(4), atol=1e-5)


def test_windowed_takes_the_greater_in_each_window(images, guesses):
    slow = []
    for image, guess in zip(images.split(1), guesses.split(1), strict=True):
        pairs = zip(ssim_map(image, guess).flatten().tolist(), ssim_map(image, 1 - guess).flatten().tolist(), strict=True)
        nearer = [max(pair) for pair in pairs]
        slow.append(sum(nearer) / len(nearer))
    assert windowed_ssim(images, guesses).tolist() == pytest.approx(slow, abs=1e-5)


def test_windowed_is_the_stricter_and_forgets_the_sign_too(images, guesses):
    assert bool((windowed_ssim(images, guesses) > sign_aware_ssim(images, guesses)).all())
    assert torch.allclose(windowed_ssim(images, guesses), windowed_ssim(images, 1 - guesses), atol=1e-6)


def test_one_pass_has_all_scores(images, guesses):
    found = similarity(images, guesses)
    for score in (ssim, sign_aware_ssim, windowed_ssim, structure):
        assert torch.equal(getattr(found, score.__name__), score(images, guesses))


@pytest.mark.parametrize("score", [ssim, windowed_ssim, structure])
def test_pieces_do_not_show(score, images, guesses, monkeypatch):
    whole = score(images, guesses)
    monkeypatch.setattr(module, "PIECE_IMAGES", 2)
    assert torch.allclose(score(images, guesses), whole, atol=1e-6)


def test_half_precision_is_scored_in_single(images, guesses):
    assert torch.equal(ssim(images.half(), guesses.half()), ssim(images.half().float(), guesses.half().float()))


@pytest.mark.parametrize("score", [ssim, sign_aware_ssim, windowed_ssim, structure])
@pytest.mark.parametrize("shape", [(1, 3, 10, 16), (1, 3, 16, 10), (1, 3, 8, 8)])
def test_sides_below_the_window_are_refused(score, shape):
    with pytest.raises(MetricError, match=f"at least 11 pixels, its window, got {min(shape[2:])}"):
        score(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("score", [ssim, sign_aware_ssim, windowed_ssim, structure])
def test_values_outside_the_range_are_refused(score, images):
    with pytest.raises(MetricError, match="guesses"):
        score(images, images + 1)
