import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import ShapeError
from dpm_flower.studies.pictures import MOST, PictureRow, Pictures, picture_grid
from tests.studies.hand_made import pictures

BLACK = np.zeros((2, 4, 4, 3), dtype=np.uint8)


def drawn(grid):
    return Image.open(io.BytesIO(picture_grid(grid)))


def greys(number, wide=8):
    """That many rows, each of a grey of its own; with their levels."""
    levels = [10 + 12 * row for row in range(number)]
    rows = [PictureRow(f"row {level}", np.full((3, 8, wide, 3), level, dtype=np.uint8)) for level in levels]
    return Pictures("m", tuple(rows)), levels


@pytest.mark.parametrize("number", [1, 4, 13])
def test_all_rows_are_on_the_grid_in_order(number):
    grid, levels = greys(number)
    image = np.asarray(drawn(grid).convert("L"))
    column = image[:, int(image.shape[1] * 0.85)]
    assert list(dict.fromkeys(int(level) for level in column if level in levels)) == levels


def test_each_row_is_as_high_as_the_others():
    heights = [drawn(greys(number)[0]).size[1] for number in (1, 3, 9)]
    gap = (heights[1] - 3 * heights[0]) / 2
    assert 0 < gap < 0.15 * heights[0]
    assert heights[2] == pytest.approx(9 * heights[0] + 8 * gap, abs=3)


def test_more_pictures_than_fit_make_the_grid_no_wider():
    full = drawn(pictures(number=MOST))
    assert drawn(pictures(number=MOST + 5)).size == full.size
    assert full.size[0] <= 1000


@pytest.mark.parametrize("wide", [2, 8, 40, 200])
def test_wide_pictures_stay_recognisable_and_on_the_page(wide):
    rows = (PictureRow("original", np.zeros((MOST, 8, wide, 3), dtype=np.uint8)),)
    across, down = drawn(Pictures("m", rows)).size
    assert across <= 1000
    assert down >= 30


def test_an_odd_name_is_no_formula():
    assert drawn(replace(pictures(), rows=(PictureRow("_$x", BLACK), PictureRow("$\\frac{$", BLACK)))).size[0] > 100


@pytest.mark.parametrize("bad", [BLACK[:1], BLACK[..., 0], BLACK.astype(np.float32), np.zeros((2, 4, 5, 3), dtype=np.uint8)])
def test_pictures_that_do_not_belong_together_are_refused(bad):
    with pytest.raises(ShapeError, match="negatives"):
        Pictures("m", (PictureRow("original", BLACK), PictureRow("negatives", bad)))


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4), (2, 4, 4, 1)])
def test_no_pictures_are_refused(shape):
    with pytest.raises(ShapeError, match="N,H,W,3"):
        Pictures("m", (PictureRow("original", np.zeros(shape, dtype=np.uint8)),))


def test_no_rows_are_refused():
    with pytest.raises(ShapeError, match="at least one row"):
        Pictures("m", ())
