import numpy as np
import pytest
import torch
from scipy import ndimage

from dpm_flower.training.perturbation_filters import filtered, gaussian_window, mean_window

MAPS = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))
WINDOWS = [mean_window(3), mean_window(7), mean_window(21), gaussian_window(0.4), gaussian_window(1.3), gaussian_window(9.0)]


def slowly(maps, window):
    """The definition: every output a sum over a square, on maps that were mirrored beyond their border."""
    reach = len(window) // 2
    padded = np.pad(maps.double().numpy(), ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="symmetric")
    square = np.outer(window.numpy(), window.numpy())
    out = np.zeros(maps.shape)
    for row in range(maps.shape[2]):
        for column in range(maps.shape[3]):
            out[:, :, row, column] = (padded[:, :, row : row + len(window), column : column + len(window)] * square).sum((2, 3))
    return torch.from_numpy(out).float()


@pytest.mark.parametrize("window", WINDOWS)
def test_it_is_a_weighted_sum_over_a_square_with_mirrored_borders(window):
    torch.testing.assert_close(filtered(MAPS, window), slowly(MAPS, window), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.6, 12.0])
def test_the_gaussian_is_scipy_s(sigma):
    other = ndimage.gaussian_filter(MAPS.double().numpy(), (0, 0, sigma, sigma), mode="reflect", truncate=4.0)
    torch.testing.assert_close(filtered(MAPS, gaussian_window(sigma)), torch.from_numpy(other).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", [3, 5, 15])
def test_the_mean_is_scipy_s(kernel):
    other = ndimage.uniform_filter(MAPS.double().numpy(), (0, 0, kernel, kernel), mode="reflect")
    torch.testing.assert_close(filtered(MAPS, mean_window(kernel)), torch.from_numpy(other).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_channel_keeps_its_mean_and_never_gets_more_contrast(window):
    out = filtered(MAPS, window)
    torch.testing.assert_close(out.mean((2, 3)), MAPS.mean((2, 3)))
    assert bool((out.std((2, 3)) < MAPS.std((2, 3))).all())


def test_the_widest_windows_leave_the_mean():
    mean = MAPS.mean((2, 3), keepdim=True).expand_as(MAPS)
    torch.testing.assert_close(filtered(MAPS, gaussian_window(50.0)), mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(filtered(MAPS, mean_window(2 * 5 * 8 * 20 + 1)), mean, rtol=0, atol=1e-2)


def test_nothing_leaks_from_channel_to_channel_or_image_to_image():
    other = MAPS.clone()
    other[0, 1] += 1
    same = torch.ones(2, 3, dtype=torch.bool)
    same[0, 1] = False
    assert torch.equal(filtered(other, WINDOWS[1])[same], filtered(MAPS, WINDOWS[1])[same])
    assert not torch.equal(filtered(other, WINDOWS[1])[0, 1], filtered(MAPS, WINDOWS[1])[0, 1])


def test_the_maps_stay_as_they_are():
    before = MAPS.clone()
    out = filtered(MAPS, WINDOWS[0])
    assert torch.equal(MAPS, before)
    assert (out.dtype, out.shape) == (MAPS.dtype, MAPS.shape)
