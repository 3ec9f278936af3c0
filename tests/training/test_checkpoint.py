import os
import stat

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dpm_flower.core.errors import OutputError, TrainingError
from dpm_flower.core.streams import stream
from dpm_flower.training.checkpoint import Position, load_checkpoint, named_state, save_checkpoint, write_tensors
from tests.training.toys import classifier, equal, pictures, state_of

AT = Position("a training", 7, 0.1 + 0.2, 3)
BEST = {"0.weight": torch.arange(3.0)}


def trained(seed=0, steps=3):
    """-> (modules, optimiser) some steps into a training."""
    network, data = classifier(seed), pictures(8)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1 + 0.2)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(data.images), data.labels).backward()
        optimiser.step()
    return [network], optimiser


@pytest.fixture
def saved(tmp_path):
    path, (modules, optimiser), rng = tmp_path / "deep" / "state.safetensors", trained(), stream(0, "a")
    torch.rand(5, generator=rng)
    save_checkpoint(path, modules, BEST, optimiser, rng, AT)
    return path, modules, optimiser, rng


def test_what_was_saved_comes_back_bit_for_bit(saved):
    path, modules, optimiser, rng = saved
    others, other_optimiser = trained(seed=1, steps=0)
    other_rng = stream(0, "b")
    at, best = load_checkpoint(path, others, other_optimiser, other_rng, "a training")
    assert at == AT
    assert equal(best, BEST)
    assert equal(named_state(others), named_state(modules))
    assert torch.equal(other_rng.get_state(), rng.get_state())
    wanted, came = optimiser.state_dict(), other_optimiser.state_dict()
    assert came["param_groups"] == [group | {"betas": list(group["betas"])} for group in wanted["param_groups"]]
    assert came["state"].keys() == wanted["state"].keys()
    assert all(equal(came["state"][index], wanted["state"][index]) for index in wanted["state"])


def test_only_the_checkpoint_is_left_in_the_folder(saved):
    assert [path.name for path in saved[0].parent.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data.replace(b"step", b"pets"),
        lambda data: data.replace(b"groups", b"spuorg"),
        lambda data: data.replace(b'"rng"', b'"gnr"'),
        lambda data: data.replace(b"module.0", b"module.7"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_its_path(saved, damage):
    path, *_ = saved
    data = path.read_bytes()
    assert damage(data) != data
    path.write_bytes(damage(data))
    modules, optimiser = trained(seed=1, steps=1)
    with pytest.raises(TrainingError, match=str(path)):
        load_checkpoint(path, modules, optimiser, stream(0, "a"), "a training")


def test_a_checkpoint_without_position_is_refused(saved):
    path, modules, optimiser, rng = saved
    save_file(load_file(path), path)
    with pytest.raises(TrainingError, match="position"):
        load_checkpoint(path, modules, optimiser, rng, "a training")


def test_the_checkpoint_of_another_network_is_refused(saved):
    path, _, _, rng = saved
    network = nn.Linear(2, 2)
    with pytest.raises(TrainingError, match="does not fit"):
        load_checkpoint(path, [network], torch.optim.AdamW(network.parameters()), rng, "a training")


def test_the_checkpoint_of_another_training_is_refused_and_changes_nothing(saved):
    path, *_ = saved
    modules, optimiser = trained(seed=1)
    before = state_of(modules[0])
    with pytest.raises(TrainingError, match="one of a training, wanted one of another"):
        load_checkpoint(path, modules, optimiser, stream(0, "a"), "another")
    assert equal(state_of(modules[0]), before)


def test_tensors_are_written_in_any_layout_and_with_their_gradients_left_out(tmp_path):
    image = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    tensors = {"last": image.to(memory_format=torch.channels_last), "asks": nn.Parameter(image[0]), "part": image[:, 1]}
    write_tensors(tmp_path / "x.safetensors", tensors)
    assert equal(load_file(tmp_path / "x.safetensors"), {"last": image, "asks": image[0], "part": image[:, 1]})


def test_tensors_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_tensors(tmp_path / "taken" / "x.safetensors", {"a": torch.ones(1)})


def test_tensors_that_share_memory_are_written_each(tmp_path):
    both = torch.arange(4.0)
    write_tensors(tmp_path / "x.safetensors", {"a": both, "b": both})
    assert equal(load_file(tmp_path / "x.safetensors"), {"a": both, "b": both})


def test_tensors_are_for_their_owner_alone_whatever_was_there_and_whatever_the_umask(tmp_path):
    usual = os.umask(0o022)
    try:
        (tmp_path / "open").touch(0o644)
        for name in ("open", "new"):
            write_tensors(tmp_path / name, {"own": torch.zeros(3)})
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    finally:
        os.umask(usual)
