import pytest
import torch

from dpm_flower.training.continual.elastic import Held, elastic_term
from tests.training.toys import classifier, equal

SHIFT = torch.tensor([0.5, -2.0, 0.0, 0.1])
INFORMATION = torch.tensor([4.0, 1.0, 3.0, 0.0])


def gradient(bound):
    shift = SHIFT.clone().requires_grad_(True)
    elastic_term(shift, INFORMATION, 3.0, bound).backward()
    return shift.grad


def test_it_is_half_of_lambda_times_information_times_squared_shift():
    assert float(elastic_term(SHIFT, INFORMATION, 3.0, None)) == pytest.approx(1.5 * (4 * 0.25 + 1 * 4.0))
    torch.testing.assert_close(gradient(None), 3.0 * INFORMATION * SHIFT)


def test_with_a_bound_no_weight_is_drawn_back_with_more_and_smaller_pulls_are_as_without():
    torch.testing.assert_close(gradient(1.0), torch.tensor([1.0, -1.0, 0.0, 0.0]))
    torch.testing.assert_close(gradient(4.0), torch.tensor([4.0, -4.0, 0.0, 0.0]))
    assert torch.equal(gradient(6.5), gradient(None))
    assert float(elastic_term(SHIFT, INFORMATION, 3.0, 6.5)) == float(elastic_term(SHIFT, INFORMATION, 3.0, None))


def test_the_bound_leaves_no_step_in_the_penalty():
    below, at, above = (float(elastic_term(torch.tensor([shift]), torch.tensor([2.0]), 1.0, 1.0)) for shift in (0.4999, 0.5, 0.5001))
    assert below < at < above
    assert above - below == pytest.approx(2e-4, rel=1e-2)


def held(network, scale, earlier=None, decay=1.0):
    return Held.at(network, {name: torch.full_like(p, scale) for name, p in network.named_parameters()}, earlier, decay)


@pytest.mark.parametrize(("decay", "wanted"), [(1.0, 5.0), (0.5, 3.5), (0.0, 2.0)])
def test_information_adds_up_with_decay_and_the_centre_is_the_latest(decay, wanted):
    network = classifier()
    first, before = held(network, 3.0), network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight.add_(1.0)
    second = held(network, 2.0, first, decay)
    assert all(torch.equal(each, torch.full_like(each, wanted)) for each in second.information.values())
    assert torch.equal(second.centre["0.weight"], network[0].weight)
    assert torch.equal(first.centre["0.weight"], before)


def test_the_penalty_is_nothing_where_nothing_moved_and_draws_back_what_did():
    network = classifier()
    holding = held(network, 2.0)
    assert holding.penalty(network, 5.0, None).item() == 0.0
    with torch.no_grad():
        network[5].bias.add_(torch.tensor([0.1, 0.0, -0.2]))
    penalty = holding.penalty(network, 5.0, None)
    assert penalty.item() == pytest.approx(0.5 * 5.0 * 2.0 * (0.01 + 0.04), rel=1e-4)
    penalty.backward()
    torch.testing.assert_close(network[5].bias.grad, 5.0 * 2.0 * torch.tensor([0.1, 0.0, -0.2]))


def test_what_is_held_is_a_copy_and_takes_two_numbers_for_each_weight():
    network = classifier()
    holding = held(network, 1.0)
    before = {name: tensor.clone() for name, tensor in holding.centre.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert equal(dict(holding.centre), before)
    assert holding.size_bytes == 2 * 4 * sum(parameter.numel() for parameter in network.parameters())
