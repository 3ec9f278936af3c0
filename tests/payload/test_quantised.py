import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dpm_flower.payload.quantised import CLIPPED_DEVIATIONS, Bounds, bounds_of, quantised, restored

VALUES = arrays.arrays(np.float32, st.tuples(*(st.integers(1, size) for size in (6, 4, 5, 3))), elements=st.floats(-6e4, 6e4, width=32))


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(2, 8))
def test_what_comes_back_is_within_half_a_step_of_what_was_there_clipped(values, bits):
    bounds, levels = bounds_of(values), 1 << bits
    came = restored(quantised(values, bounds, levels), bounds, levels)
    low, high = (ends.astype(np.float64)[:, None, None] for ends in (bounds.low, bounds.high))
    half = (high - low) / (levels - 1) / 2
    rounding = 1e-6 * np.maximum(np.abs(low), np.abs(high))  # of the float32 that it comes back as
    assert bool((np.abs(came - np.clip(values, low, high)) <= half * (1 + 1e-6) + rounding).all())
    assert came.dtype == np.float32


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_bounds_are_the_range_within_six_deviations(values):
    bounds = bounds_of(values)
    for channel in range(values.shape[1]):
        one = values[:, channel].astype(np.float64)
        reach = CLIPPED_DEVIATIONS * one.std()
        low = max(one.min(), one.mean() - reach)
        assert bounds.low[channel] == pytest.approx(low, rel=1e-5, abs=1e-3)
        assert bounds.high[channel] == pytest.approx(max(low, min(one.max(), one.mean() + reach)), rel=1e-5, abs=1e-3)


def test_a_value_beyond_six_deviations_is_clipped():
    values = np.zeros((1, 1, 100, 100), np.float32)
    values[0, 0, 0, 0] = 50.0
    bounds = bounds_of(values)
    assert bounds.high[0] == pytest.approx(values.mean() + 6 * values.std(), rel=1e-5)
    assert bounds.high[0] < 4
    assert restored(quantised(values, bounds, 256), bounds, 256).max() == bounds.high[0]


def test_channels_have_bounds_of_their_own():
    values = np.stack([np.linspace(0, 1, 12), np.linspace(-100, 100, 12)]).astype(np.float32).reshape(1, 2, 3, 4)
    bounds = bounds_of(values)
    assert bounds.low.tolist() == [0, -100]
    assert bounds.high.tolist() == [1, 100]
    assert np.abs(restored(quantised(values, bounds, 256), bounds, 256) - values).max(axis=(0, 2, 3))[0] <= 0.5 / 255 + 1e-6


def test_the_ends_are_black_and_white_whatever_the_bits():
    bounds = Bounds(np.array([-1], np.float32), np.array([3], np.float32))
    for bits in range(2, 9):
        assert quantised(np.array([-1, 3], np.float32).reshape(1, 1, 1, 2), bounds, 1 << bits).flatten().tolist() == [0, 255]


def test_a_pixel_between_levels_stands_for_the_nearer_one():
    bounds = Bounds(np.zeros(1, np.float32), np.full(1, 3, np.float32))
    pixels = np.array([0, 42, 43, 85, 127, 128, 255], np.uint8).reshape(1, 1, 1, 7)
    assert restored(pixels, bounds, 4).flatten().tolist() == [0, 0, 1, 1, 1, 2, 3]
