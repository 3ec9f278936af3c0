import pytest
import torch
from torch.nn import functional

from dpm_flower.training.edge_loss import edge_aware_loss, luma

RNG = torch.Generator().manual_seed(0)
IMAGES, GUESSES = (torch.rand(2, 3, 14, 12, generator=RNG) for _ in range(2))
SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def slow(beta):
    kernels = torch.stack([SOBEL, SOBEL.T]).unsqueeze(1) / 4
    outlines = []
    for pixels in (IMAGES, GUESSES):
        grey = (0.299 * pixels[:, 0] + 0.587 * pixels[:, 1] + 0.114 * pixels[:, 2]).unsqueeze(1)
        outlines.append(functional.conv2d(functional.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels))
    return float((IMAGES - GUESSES).abs().mean() + beta * (outlines[0] - outlines[1]).abs().mean())


@pytest.mark.parametrize("beta", [0.0, 1.0, 5.0])
def test_it_is_l1_and_the_weighted_l1_of_the_sobel_derivatives_of_the_luma(beta):
    assert float(edge_aware_loss(beta)(IMAGES, GUESSES)) == pytest.approx(slow(beta), rel=1e-5)


def test_the_usual_weight_is_the_sources():
    assert float(edge_aware_loss()(IMAGES, GUESSES)) == pytest.approx(slow(5.0), rel=1e-5)


def test_the_same_image_costs_nothing_and_a_missing_outline_more_than_a_shade():
    step = torch.zeros(1, 3, 12, 12)
    step[..., 6:] = 1
    shade, blur = step * 0.9 + 0.05, functional.avg_pool2d(step, 5, 1, 2, count_include_pad=False)
    loss = edge_aware_loss()
    assert float(loss(step, step)) == 0
    assert float((shade - step).abs().mean()) == pytest.approx(0.05)
    assert float(loss(step, blur)) > 3 * float(loss(step, shade))


def test_a_negative_is_far_away():
    assert float(edge_aware_loss()(IMAGES, 1 - IMAGES)) > float(edge_aware_loss()(IMAGES, IMAGES.mean().expand_as(IMAGES)))


def test_colours_of_one_brightness_have_no_outline_in_the_luma():
    red, blue = torch.tensor([0.3, 0, 0]), torch.tensor([0, 0, 0.3 * 0.299 / 0.114])
    image = torch.where(torch.arange(12) < 6, red[:, None, None], blue[:, None, None]).expand(1, 3, 12, 12)
    assert float(luma(image).std()) == pytest.approx(0, abs=1e-6)


def test_gradients_are_finite_where_images_are_flat():
    guess = torch.full((1, 3, 12, 12), 0.5, requires_grad=True)
    edge_aware_loss()(torch.full((1, 3, 12, 12), 0.5), guess).backward()
    assert bool(guess.grad.isfinite().all())
