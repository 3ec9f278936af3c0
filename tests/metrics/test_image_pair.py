import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.image_pair import check_image_pair

GOOD = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def test_images_pass():
    check_image_pair(GOOD, GOOD.half())


@pytest.mark.parametrize("guesses", [GOOD[:1], GOOD[..., :11], GOOD[0]])
def test_unequal_shapes_are_refused(guesses):
    with pytest.raises(ShapeError, match="one shape"):
        check_image_pair(GOOD, guesses)


def test_other_ranks_are_refused():
    with pytest.raises(ShapeError, match=r"\(B,C,H,W\)"):
        check_image_pair(GOOD[0], GOOD[0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01])
@pytest.mark.parametrize("place", [0, 1])
def test_values_that_are_no_pixels_are_refused(value, place):
    pair = [GOOD, GOOD]
    pair[place] = GOOD.clone()
    pair[place][1, 2, 3, 4] = value
    with pytest.raises(MetricError, match=("images", "guesses")[place]):
        check_image_pair(*pair)


def test_bytes_are_refused():
    with pytest.raises(MetricError, match="uint8"):
        check_image_pair((GOOD * 255).byte(), (GOOD * 255).byte())


def test_no_images_are_refused():
    with pytest.raises(MetricError, match="at least one image"):
        check_image_pair(GOOD[:0], GOOD[:0])
