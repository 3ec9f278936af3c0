import io

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import ShapeError
from dpm_flower.studies.pictures import MOST, Pictures, picture_grid
from tests.studies.hand_made import pictures

WHITE = np.zeros((2, 4, 4, 3), dtype=np.uint8)


def test_all_four_kinds_are_on_the_grid_in_order():
    image = np.asarray(Image.open(io.BytesIO(picture_grid(pictures()))).convert("L"))
    column = image[:, int(image.shape[1] * 0.85)]
    seen = [int(level) for level in column if level in (10, 90, 170, 250)]
    assert list(dict.fromkeys(seen)) == [10, 90, 170, 250]


def test_more_pictures_than_fit_make_the_grid_no_wider():
    many = Image.open(io.BytesIO(picture_grid(pictures(number=MOST + 5))))
    full = Image.open(io.BytesIO(picture_grid(pictures(number=MOST))))
    assert many.size == full.size
    assert full.size[0] <= 1000


@pytest.mark.parametrize("bad", [WHITE[:1], WHITE[..., 0], WHITE.astype(np.float32), np.zeros((2, 4, 5, 3), dtype=np.uint8)])
def test_pictures_that_do_not_belong_together_are_refused(bad):
    with pytest.raises(ShapeError, match="negatives"):
        Pictures("m", WHITE, WHITE, WHITE, bad)


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4), (2, 4, 4, 1)])
def test_no_pictures_are_refused(shape):
    empty = np.zeros(shape, dtype=np.uint8)
    with pytest.raises(ShapeError, match="N,H,W,3"):
        Pictures("m", empty, empty, empty, empty)
