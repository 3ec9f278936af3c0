import pytest
import torch

from dpm_flower.attacks.updated_part import gradient_step, part_of
from dpm_flower.core.errors import ReleaseError, ShapeError
from dpm_flower.core.shared import ModelUpdate
from tests.attacks.updating import NETS, clouds, network_of, trained
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
