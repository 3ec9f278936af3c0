"""However values are cut into pieces, all of them are checked and arrive as they would at once."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.labelled import as_bytes
from dpm_flower.payload import pieces
from dpm_flower.payload.pieces import written

SHAPE = (2, 3)


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_VALUES", 13)  # two samples
        yield


def values(samples, seed=0):
    return torch.rand(samples, *SHAPE, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.sampled_from([torch.float16, torch.float32]), st.sampled_from([torch.float16, torch.float32, torch.float64]))
def test_floats_arrive_converted(samples, dtype, given_as):
    given_values = (values(samples) * 200 - 100).to(given_as)
    place = torch.full(given_values.shape, -1.0, dtype=dtype)
    assert written(given_values, place, -100.0, 100.0)
    assert torch.equal(place, given_values.to(dtype))


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_floats_become_bytes_as_images_do_and_bytes_stay(samples):
    place = torch.zeros(samples, *SHAPE, dtype=torch.uint8)
    assert written(values(samples), place, 0.0, 1.0)
    assert torch.equal(place, as_bytes(values(samples)))
    again = torch.zeros_like(place)
    assert written(place, again, 0.0, 255.0)
    assert torch.equal(again, place)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 1.0001, -0.0001, 1e30, -1e30])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_one_value_out_of_range_is_found_wherever_it_is(wrong, dtype):
    for at in range(values(7).numel()):
        one = values(7)
        one.view(-1)[at] = wrong
        assert not written(one, torch.zeros(one.shape, dtype=dtype), 0.0, 1.0)


def test_the_ends_of_the_range_are_in_it():
    ends = torch.tensor([[0.0, 1.0]]).repeat(3, 1)
    assert written(ends, torch.zeros_like(ends), 0.0, 1.0)


def test_values_and_place_of_different_lengths_are_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        written(values(2), torch.zeros(7, *SHAPE), 0.0, 1.0)


def test_a_sample_larger_than_a_piece_is_one():
    large = torch.rand(3, 50, generator=torch.Generator().manual_seed(0))
    place = torch.zeros_like(large)
    assert written(large, place, 0.0, 1.0)
    assert torch.equal(place, large)
