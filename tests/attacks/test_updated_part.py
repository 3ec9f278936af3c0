import pytest
import torch
from torch import nn

from dpm_flower.attacks.updated_part import UpdatedPart, gradient_step, part_of
from dpm_flower.core.errors import ReleaseError, ShapeError
from dpm_flower.core.shared import ModelUpdate
from tests.attacks.updating import NETS, NORMED, clouds, network_of, trained
from tests.training.toys import CPU, equal, state_of

VICTIMS = clouds(4, seed=3)


def test_an_update_of_a_network_is_read_on_images_and_one_of_a_decider_on_features():
    whole = part_of(NETS, ModelUpdate(network_of().state_dict(), 4), CPU)
    decider = part_of(NETS, ModelUpdate(NETS.decider.state_dict(), 4), CPU)
    wanted = NETS.whole_network()(VICTIMS.images)
    for part in (whole, decider):
        torch.testing.assert_close(part.start(part.front(VICTIMS.images)), wanted)
        assert all(float(went.abs().max()) == 0 for went in part.moved)
    assert torch.equal(whole.front(VICTIMS.images), VICTIMS.images)
    assert len(decider.parameters) == len(decider.moved) < len(whole.parameters)


def test_the_start_asks_for_gradients_and_the_public_networks_stay_as_they_are():
    before, update = NETS.tensors(), trained(VICTIMS, 2)
    part = part_of(NETS, update, CPU)
    with torch.no_grad():
        part.parameters[0].add_(1.0)
    assert equal(NETS.tensors(), before)
    assert all(parameter.requires_grad for parameter in part.start.parameters())
    assert not any(parameter.requires_grad for parameter in (*part.after.parameters(), *part.front.parameters()))
    assert equal(state_of(part.after), dict(update.tensors))


def test_what_is_of_neither_part_is_refused():
    state = dict(NETS.decider.state_dict())
    with pytest.raises(ReleaseError, match="of the whole network or of the decider, got one of strange"):
        part_of(NETS, ModelUpdate({"strange": torch.zeros(1)}, 1), CPU)
    with pytest.raises(ShapeError, match=r"head\.bias"):
        part_of(NETS, ModelUpdate(state | {"head.bias": torch.zeros(7)}, 1), CPU)


def test_a_gradient_step_goes_a_length_of_one_downhill():
    part = part_of(NETS, ModelUpdate(network_of().state_dict(), 1), CPU)
    one = VICTIMS.take(torch.tensor([1]))
    stepped = part_of(NETS, gradient_step(part, one.images, one.labels, CPU), CPU)
    torch.nn.functional.cross_entropy(part.start(one.images), one.labels).backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in part.start.parameters()])
    torch.testing.assert_close(torch.cat([went.flatten() for went in stepped.moved]), -gradient / gradient.norm(), atol=1e-6, rtol=1e-3)


def test_a_gradient_step_is_that_of_norms_in_training_unless_an_image_is_too_small_for_that():
    one = VICTIMS.take(torch.tensor([1]))
    part = part_of(NORMED, ModelUpdate(NORMED.whole_network().state_dict(), 1), CPU)
    before = state_of(part.start)
    stepped = gradient_step(part, one.images, one.labels, CPU).tensors
    assert equal(state_of(part.start), before)
    assert int(stepped["featurizer.bn1.num_batches_tracked"]) == int(before["featurizer.bn1.num_batches_tracked"]) + 1
    assert not torch.equal(stepped["featurizer.bn1.running_mean"], before["featurizer.bn1.running_mean"])
    tight = UpdatedPart(part.front, nn.Sequential(nn.Flatten(), nn.BatchNorm1d(768), nn.Linear(768, 3)).eval(), part.after)
    kept = gradient_step(tight, one.images, one.labels, CPU).tensors
    assert torch.equal(kept["1.running_mean"], torch.zeros(768))
    assert not torch.equal(kept["2.weight"], tight.start[2].weight)
