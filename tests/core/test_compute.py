import pytest
import torch
from torch import nn

from dpm_flower.core.compute import Compute, torch_threads
from dpm_flower.core.errors import SettingError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "mixed"), [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_auto_computes_in_bfloat16_where_the_cpu_does_so_natively(monkeypatch, capabilities, mixed):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert Compute.choose("cpu") == Compute(CPU, mixed=mixed)


def test_a_named_precision_is_taken_as_it_is():
    assert Compute.choose("cpu", "bfloat16") == Compute(CPU, mixed=True)
    assert Compute.choose("cpu", "float32") == Compute(CPU, mixed=False)


def test_auto_takes_what_the_machine_has():
    chosen = Compute.choose()
    assert (chosen.device.type == "cuda") == torch.cuda.is_available()


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(SettingError, match=f"got '{device}'"):
        Compute.choose(device)


def test_only_mixed_computing_is_in_bfloat16_and_only_inside():
    layer, inputs = nn.Linear(3, 2), torch.ones(1, 3)
    with Compute(CPU, mixed=True).autocast():
        assert layer(inputs).dtype == torch.bfloat16
    with Compute(CPU, mixed=False).autocast():
        assert layer(inputs).dtype == torch.float32
    assert layer(inputs).dtype == torch.float32


def test_what_must_be_precise_is_computed_on_the_same_device_in_float32():
    assert Compute(CPU, mixed=True).in_float32() == Compute(CPU, mixed=False) == Compute(CPU, mixed=False).in_float32()


def test_batches_of_maps_are_placed_in_channels_last_with_the_same_values():
    maps = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    placed = Compute(CPU, mixed=False).place(maps)
    assert placed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(placed, maps)
    assert torch.equal(Compute(CPU, mixed=False).place(torch.ones(3, 2)), torch.ones(3, 2))


def test_images_as_bytes_are_placed_as_floats():
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).reshape(2, 3, 4, 5)
    placed = Compute(CPU, mixed=False).place(images)
    assert placed.dtype == torch.float32
    assert placed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(placed, images.float() / 255)
    assert images[0, 0, 0, 3] == 3
    assert Compute(CPU, mixed=False).place(images.flatten(1)).dtype == torch.uint8  # two dimensions are no images


def test_a_placed_module_is_the_same_module_with_the_same_weights():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    parameters = list(module.parameters())
    assert Compute(CPU, mixed=False).place_module(module) is module
    assert all(now is then for now, then in zip(module.parameters(), parameters, strict=True))
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_the_number_of_threads_is_put_back_even_after_an_error():
    before = torch.get_num_threads()

    def fail():
        with torch_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == before
