import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.codec_name import LARGEST_SIDE
from dpm_flower.payload.tiling import tiled, tilings, untiled


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(1, 700), st.integers(1, 700))
def test_all_channels_come_back_from_pictures_of_the_sizes_foretold(count, height, width):
    channels = np.random.default_rng(0).integers(0, 256, (count, min(height, 40), width), np.uint8)
    wheres = list(tilings(*channels.shape))
    pictures = [tiled(channels, where) for where in wheres]
    assert [picture.shape for picture in pictures] == [where.shape for where in wheres]
    assert np.array_equal(untiled(pictures, wheres), channels)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 500), st.integers(1, LARGEST_SIDE), st.integers(1, LARGEST_SIDE))
def test_no_picture_is_larger_than_it_may_be_and_little_of_it_is_empty(count, height, width):
    at = 0
    for where in tilings(count, height, width):
        rows, columns = where.shape
        assert max(rows, columns) <= LARGEST_SIDE
        assert where.first == at
        assert 0 <= rows * columns - where.count * height * width < columns * height  # less than a row of tiles
        at += where.count
    assert at == count


@pytest.mark.parametrize(
    ("count", "height", "width", "shapes"),
    [
        (64, 16, 16, [(128, 128)]),
        (1, 5, 7, [(5, 7)]),
        (10**7, 1, 1, [(2048, 2048), (2048, 2048), (1270, 1269)]),
        (3, 2048, 2048, [(2048, 2048)] * 3),
        (1024 * 16 + 1, 16, 16, [(2048, 2048), (16, 16)]),
    ],
)
def test_examples(count, height, width, shapes):
    assert [where.shape for where in tilings(count, height, width)] == shapes
