import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.inside_boxes import inside_boxes, pixels_in
from dpm_flower.metrics.similarity import windowed_ssim
from dpm_flower.metrics.ssim_map import WINDOW

BOXES = (
    torch.tensor([[2.0, 3.0, 9.0, 14.0], [7.0, 8.0, 16.0, 13.0]]),
    torch.tensor([[0.0, 0.0, 4.0, 4.0]]),
    torch.zeros(0, 4),
    torch.tensor([[0.0, 0.0, 16.0, 14.0]]),
)


def pair(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(4, 3, 14, 16, generator=rng), torch.rand(4, 3, 14, 16, generator=rng)


def regions():
    return torch.stack([pixels_in(each, (14, 16)) for each in BOXES]).unsqueeze(1)


def slow(image, guess, region):
    """One image (C,H,W) by the definition, pixel by pixel of the region, each with that part of its window that is in the region."""
    axis = torch.exp(-((torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2) ** 2) / (2 * 1.5**2))
    values = []
    for row, column in region.nonzero().tolist():
        near = torch.zeros_like(region)
        near[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6] = True
        rows, columns = (near & region).nonzero().unbind(1)
        weights = axis[rows - row + 5] * axis[columns - column + 5]
        weights = weights / weights.sum()
        for x, y in zip(image.double(), guess.double(), strict=True):
            best = -1.0
            for g in (y[rows, columns], 1 - y[rows, columns]):
                p = x[rows, columns]
                mean_p, mean_g = (weights * p).sum(), (weights * g).sum()
                spread = (weights * (p - mean_p) ** 2).sum() + (weights * (g - mean_g) ** 2).sum()
                both = (weights * (p - mean_p) * (g - mean_g)).sum()
                light = (2 * mean_p * mean_g + 1e-4) / (mean_p**2 + mean_g**2 + 1e-4)
                best = max(best, float(light * (2 * both + 9e-4) / (spread + 9e-4)))
            values.append(best)
    return sum(values) / len(values)


def test_it_equals_the_slow_definition():
    images, guesses = pair()
    mixed = 0.6 * images + 0.4 * guesses
    found = inside_boxes(images, mixed, BOXES)
    region = regions()
    for number in (0, 1):
        assert found.inside[number].item() == pytest.approx(slow(images[number], mixed[number], region[number, 0]), abs=1e-9)


def test_one_box_around_all_is_nearly_the_ordinary_score():
    images, guesses = pair()
    mixed = 0.8 * images + 0.2 * guesses
    found = inside_boxes(images[3:], mixed[3:], BOXES[3:])
    assert found.inside.item() == pytest.approx(windowed_ssim(images[3:], mixed[3:]).item(), abs=0.03)  # windows at the border differ


@pytest.mark.parametrize("negative", [False, True])
def test_a_copy_of_the_inside_only_scores_one_and_a_copy_of_the_outside_only_little(negative):
    images, guesses = pair()
    copied = torch.where(regions(), 1 - images if negative else images, guesses)
    found = inside_boxes(images, copied, BOXES)
    assert torch.allclose(found.inside[[0, 1, 3]], torch.ones(3, dtype=torch.float64), atol=1e-9)
    swapped = inside_boxes(images, torch.where(regions(), guesses, 1 - images if negative else images), BOXES)
    assert swapped.inside[[0, 3]].max() < 0.5


def test_images_without_an_inside_are_masked_and_no_number_is_nan():
    flat = torch.full((4, 3, 14, 16), 0.5)
    for images, guesses in (pair(), (flat, flat), (flat, pair()[0]), (torch.zeros_like(flat), torch.ones_like(flat))):
        found = inside_boxes(images, guesses, BOXES)
        assert found.has_inside.tolist() == [True, True, False, True]
        assert bool(torch.isfinite(found.inside).all())
        assert found.inside[2].item() == 0.0
        assert found.inside.shape == (4,)


def test_other_images_in_the_batch_change_nothing(monkeypatch):
    images, guesses = pair()
    whole = inside_boxes(images, guesses, BOXES)
    monkeypatch.setattr("dpm_flower.metrics.inside_boxes.PIECE_IMAGES", 3)
    assert torch.allclose(inside_boxes(images, guesses, BOXES).inside, whole.inside, atol=1e-12)
    assert torch.allclose(inside_boxes(images[1:2], guesses[1:2], BOXES[1:2]).inside, whole.inside[1:2], atol=1e-12)


def test_a_pixel_is_in_a_box_with_its_centre():
    found = pixels_in(torch.tensor([[0.6, 0.0, 2.5, 1.0], [0.0, 1.4, 0.5, 2.0], [2.9, 2.9, 3.0, 3.0]]), (3, 3))
    assert found.tolist() == [[False, True, False], [False, False, False], [False, False, False]]
    assert pixels_in(torch.tensor([[0.5, 0.5, 1.6, 1.6]]), (3, 3)).sum() == 4


def test_what_cannot_be_compared_is_refused():
    images, guesses = pair()
    with pytest.raises(ShapeError, match="each of 4 images"):
        inside_boxes(images, guesses, BOXES[:3])
    with pytest.raises(ShapeError, match=r"boxes \(M,4\)"):
        inside_boxes(images, guesses, (torch.zeros(1, 5), *BOXES[1:]))
    with pytest.raises(ShapeError, match="one shape"):
        inside_boxes(images, guesses[..., :12], BOXES)
    with pytest.raises(MetricError, match="finite"):
        inside_boxes(images, guesses * 2, BOXES)
