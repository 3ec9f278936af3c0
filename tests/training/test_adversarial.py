from dataclasses import replace

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.training.adversarial import Adversarial, Critic, discriminator_loss, generator_loss
from tests.training.toys import CPU, equal, state_of

SURE, UNSURE = torch.full((4,), 3.0), torch.zeros(4)
REAL, MADE = torch.full((6, 1, 4, 4), 0.8), torch.full((6, 1, 4, 4), 0.3)


def critic(**changes):
    torch.manual_seed(0)
    return Critic(nn.Sequential(nn.Flatten(), nn.Linear(16, 1)), Adversarial(**({"learning_rate": 0.3} | changes)), CPU, 40)


@pytest.mark.parametrize("loss", ["hinge", "non-saturating"])
def test_the_discriminator_wants_them_apart_and_the_generator_wants_to_pass(loss):
    assert discriminator_loss(loss, SURE, -SURE) < discriminator_loss(loss, UNSURE, UNSURE) < discriminator_loss(loss, -SURE, SURE)
    assert generator_loss(loss, SURE) < generator_loss(loss, UNSURE) < generator_loss(loss, -SURE)


def test_the_losses_are_those_of_their_formulas():
    real, made = torch.tensor([0.3, 2.0]), torch.tensor([-0.5, 1.0])
    of = torch.sigmoid
    torch.testing.assert_close(discriminator_loss("non-saturating", real, made), -of(real).log().mean() - (1 - of(made)).log().mean())
    torch.testing.assert_close(generator_loss("non-saturating", made), -of(made).log().mean())
    torch.testing.assert_close(discriminator_loss("hinge", real, made), torch.tensor((0.7 + 0) / 2 + (0.5 + 2) / 2))
    torch.testing.assert_close(generator_loss("hinge", made), -made.mean())


@pytest.mark.parametrize("loss", ["hinge", "non-saturating"])
def test_a_critic_learns_to_tell_and_then_says_so(loss):
    one = critic(loss=loss)
    before = float(one.loss_of(MADE))
    for _ in range(40):
        one.learn(REAL, MADE)
    assert float(one.loss_of(MADE)) > before + 0.5
    assert float(one.loss_of(REAL)) < float(one.loss_of(MADE))


def test_its_rate_has_fallen_to_nothing_at_the_end():
    one = critic()
    for _ in range(40):
        one.learn(REAL, MADE)
    late = state_of(one.network)
    one.learn(REAL, MADE)
    assert equal(late, state_of(one.network))


def test_only_the_generator_is_moved_by_a_judgement_and_only_the_critic_by_learning():
    one = critic()
    made = MADE.clone().requires_grad_(True)
    before = state_of(one.network)
    one.loss_of(made).backward()
    assert made.grad is not None
    assert all(parameter.grad is None for parameter in one.network.parameters())
    assert equal(before, state_of(one.network))
    made.grad = None
    one.learn(REAL, made)
    assert made.grad is None
    assert not equal(before, state_of(one.network))


def test_a_slope_at_real_images_costs_with_r1():
    """Where real and made are the same there is nothing to learn but to be flat."""
    steep, flat = (critic(r1=r1) for r1 in (0.0, 50.0))
    for one in (steep, flat):
        for _ in range(20):
            one.learn(REAL.clone(), REAL)
    assert float(flat.network[1].weight.norm()) < 0.7 * float(steep.network[1].weight.norm())


@pytest.mark.parametrize("knobs", [{"loss": "least-squares"}, {"augment": "turn"}, {"learning_rate": 0.0}, {"r1": -1.0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=r"must be one of|wanted a learning_rate"):
        replace(Adversarial(), **knobs)
