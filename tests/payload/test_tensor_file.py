"""A tensor file has the bytes that safetensors itself would write, and was never copied."""

import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from dpm_flower.payload.tensor_file import tensor_file

DTYPES = [torch.float16, torch.float32, torch.uint8]


def example(samples, shape, dtype):
    rng = torch.Generator().manual_seed(0)
    values = torch.randint(0, 256, (samples, *shape), generator=rng).to(dtype)
    return values, torch.randint(0, 1 << 40, (samples,), generator=rng)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["features", "images", "z"]), st.integers(1, 1200), st.lists(st.integers(1, 12), max_size=3), st.sampled_from(DTYPES)
)
def test_it_is_what_safetensors_makes_of_the_same_tensors(name, samples, shape, dtype):
    values, labels = example(samples, shape, dtype)
    assert tensor_file(name, values.shape, dtype, labels, lambda place: place.copy_(values)) == save({name: values, "labels": labels})


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_may_be_part_of_others(dtype):
    values, labels = example(50, (2, 3), dtype)
    made = load(tensor_file("z", values[:10].shape, dtype, labels[::5], lambda place: place.copy_(values[:10])))
    assert torch.equal(made["labels"], labels[::5])
    assert torch.equal(made["z"], values[:10])


def test_it_is_held_once_while_it_is_made():
    shape, labels = torch.Size([64, 1 << 17]), torch.zeros(64, dtype=torch.int64)
    tracemalloc.start()
    try:
        made = tensor_file("z", shape, torch.uint8, labels, lambda place: place.fill_(7))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.endswith(bytes([7]) * 100)
    assert peak < 1.1 * len(made)


def test_who_fills_it_cannot_change_it_later():
    kept = []
    made = tensor_file("z", torch.Size([1, 400]), torch.uint8, torch.zeros(1, dtype=torch.int64), lambda place: kept.append(place.fill_(7)))
    kept[0].fill_(8)
    assert made.endswith(bytes([7]) * 400)
    assert kept[0].tolist() == [[8] * 400]


def test_what_goes_wrong_while_it_is_filled_comes_out():
    def broken(place):
        raise ArithmeticError("no values")

    with pytest.raises(ArithmeticError, match="no values"):
        tensor_file("z", torch.Size([1, 4]), torch.uint8, torch.zeros(1, dtype=torch.int64), broken)
