import numpy as np
import pytest
import torch
from scipy.fft import dctn

from dpm_flower.training.compressibility import compressibility, dct, standardised

RNG = torch.Generator().manual_seed(0)
VALUES = torch.randn(3, 4, 6, 9, generator=RNG, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3, 4, 6, 9), (1, 1, 1, 7), (2, 1, 5, 1), (1, 2, 1, 1)])
def test_the_transform_is_the_orthonormal_dct(shape):
    values = torch.randn(shape, generator=RNG, dtype=torch.float64)
    assert np.allclose(dct(values).numpy(), dctn(values.numpy(), axes=(2, 3), norm="ortho"))


def test_it_is_the_mean_size_of_the_coefficients_of_both_differences():
    across, down = np.diff(VALUES.numpy(), axis=3), np.diff(VALUES.numpy(), axis=2)
    slow = np.mean([np.abs(dctn(one, axes=(2, 3), norm="ortho")).mean() for one in (across, down)])
    assert float(compressibility(VALUES)) == pytest.approx(slow)


def test_flat_channels_cost_nothing_and_noise_more_than_a_ramp_of_its_range():
    ramp = torch.linspace(0, 1, 16).expand(1, 2, 16, 16)
    noise = torch.rand(1, 2, 16, 16, generator=RNG)
    flat = torch.arange(6.0).view(1, 6, 1, 1).expand(1, 6, 16, 16)
    assert float(compressibility(flat)) == 0
    assert 0 < float(compressibility(ramp)) < float(compressibility(noise)) / 2


def test_turned_channels_cost_the_same():
    assert float(compressibility(VALUES.mT)) == pytest.approx(float(compressibility(VALUES)))


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 3, 1, 4), (2, 3, 4, 1)])
def test_sides_of_one_pixel_are_finite(shape):
    values = torch.randn(shape, generator=RNG).requires_grad_()
    cost = compressibility(standardised(values))
    cost.backward()
    assert bool(cost.isfinite())
    assert bool(values.grad.isfinite().all())


def test_standardised_channels_do_not_become_cheaper_by_scaling():
    scales = torch.tensor([0.01, 1.0, 7.0, 1e4], dtype=torch.float64).view(1, 4, 1, 1)
    assert float(compressibility(standardised(VALUES * scales))) == pytest.approx(float(compressibility(standardised(VALUES))), rel=1e-4)
    assert torch.allclose(standardised(VALUES).std((0, 2, 3), unbiased=False), torch.ones(4, dtype=torch.float64))


def test_a_channel_that_does_not_vary_has_finite_gradients():
    values = torch.ones(2, 1, 4, 4, requires_grad=True)
    compressibility(standardised(values)).backward()
    assert bool(values.grad.isfinite().all())
