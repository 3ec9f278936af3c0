import pytest
import torch

from dpm_flower.core.streams import stream
from dpm_flower.nets.unit_range import LEAST_RANGE, clamp, min_max


@pytest.mark.parametrize("scale", [LEAST_RANGE, 0.1, 1.0, 1e4])
def test_min_max_fills_the_range_of_every_image(scale: float) -> None:
    values = (torch.randn(5, 3, 4, 4, generator=stream(0)) * 3 - 7) * scale
    images = min_max(values)
    assert images.amin((1, 2, 3)).eq(0).all()
    assert torch.allclose(images.amax((1, 2, 3)), torch.ones(5))
    assert images.max() <= 1


def test_min_max_looks_at_one_image_at_a_time_and_keeps_the_order() -> None:
    values = torch.randn(3, 3, 4, 4, generator=stream(0)) * torch.tensor([1.0, 10.0, 100.0]).view(-1, 1, 1, 1)
    images = min_max(values)
    for one, value in zip(images, values, strict=True):
        assert torch.equal(min_max(value[None])[0], one)
        assert torch.equal(one.flatten().argsort(stable=True), value.flatten().argsort(stable=True))


@pytest.mark.parametrize("normalise", [min_max, clamp])
@pytest.mark.parametrize("level", [0.0, 0.5, -3.0, 1e30])
def test_a_flat_image_gives_finite_values_and_gradients(normalise, level: float) -> None:
    values = torch.full((2, 3, 4, 4), level, requires_grad=True)
    images = normalise(values)
    (images * torch.rand(images.shape, generator=stream(0))).sum().backward()
    assert images.min() >= 0
    assert images.max() <= 1
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert values.grad.abs().max() <= images[0].numel() / LEAST_RANGE


def test_half_precision_comes_out_in_full() -> None:
    assert min_max(torch.rand(1, 3, 2, 2).bfloat16()).dtype == clamp(torch.rand(1, 3, 2, 2).half()).dtype == torch.float32


def test_clamp_leaves_what_is_inside() -> None:
    values = torch.tensor([-1.0, 0.25, 2.0]).view(1, 3, 1, 1)
    assert clamp(values).flatten().tolist() == [0.0, 0.25, 1.0]
