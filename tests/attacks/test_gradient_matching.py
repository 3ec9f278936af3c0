import pytest
import torch
from torch.nn import functional

from dpm_flower.attacks.gradient_matching import SOFTNESS, as_stepped, gradient_mismatch
from dpm_flower.attacks.updated_part import part_of
from dpm_flower.core.shared import ModelUpdate
from tests.attacks.updating import NETS, clouds, network_of, trained
from tests.training.toys import CPU

VICTIMS, OTHERS = clouds(4, seed=3), clouds(4, seed=8)
START = part_of(NETS, ModelUpdate(network_of().state_dict(), 4), CPU)


def gradients(images):
    loss = functional.cross_entropy(START.start(images.images), images.labels)
    return torch.autograd.grad(loss, START.parameters)


def mismatch(images, moved, steps="gradient"):
    return float(gradient_mismatch(START.start, images.images, images.labels, moved, steps).detach())


def test_images_explain_their_own_gradient_whatever_its_length():
    downhill = [-gradient for gradient in gradients(VICTIMS)]
    assert mismatch(VICTIMS, downhill) == pytest.approx(0, abs=1e-5)
    assert mismatch(VICTIMS, [1000 * went for went in downhill]) == pytest.approx(0, abs=1e-5)
    assert mismatch(VICTIMS, [-went for went in downhill]) == pytest.approx(2, abs=1e-5)
    assert mismatch(OTHERS, downhill) > 1e-4


def test_it_is_one_minus_a_cosine_over_all_parameters():
    moved = [torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) for p in START.parameters]
    mine, theirs = (torch.cat([each.flatten() for each in parts]) for parts in (gradients(VICTIMS), moved))
    assert mismatch(VICTIMS, moved) == pytest.approx(1 - float(functional.cosine_similarity(-mine, theirs, dim=0)), abs=1e-5)


def test_a_step_of_adam_is_explained_by_signs():
    """As an entity makes it: the very training that the harness runs."""
    moved = part_of(NETS, trained(VICTIMS, 1), CPU).moved
    assert mismatch(VICTIMS, moved, "adam") < mismatch(VICTIMS, moved) / 2
    assert mismatch(VICTIMS, moved, "adam") < mismatch(OTHERS, moved, "adam")


def test_signs_are_soft_and_a_gradient_stays():
    gradient = torch.tensor([-3.0, 0.0, 1e-3, 2.0])
    assert as_stepped(gradient, "gradient") is gradient
    stepped = as_stepped(gradient, "adam")
    soft = SOFTNESS**2 * float(gradient.square().mean())
    assert stepped.tolist() == pytest.approx([entry / (entry**2 + soft) ** 0.5 for entry in gradient.tolist()], abs=1e-5)
    assert as_stepped(1000 * gradient, "adam").tolist() == pytest.approx(stepped.tolist(), abs=1e-5)


def test_it_can_be_differentiated_by_images_and_an_update_that_went_nowhere_is_no_division_by_nothing():
    images = VICTIMS.images.clone().requires_grad_(True)
    downhill = [-gradient for gradient in gradients(OTHERS)]
    gradient_mismatch(START.start, images, VICTIMS.labels, downhill, "adam").backward()
    assert float(images.grad.abs().max()) > 0
    assert mismatch(VICTIMS, [torch.zeros_like(p) for p in START.parameters]) == pytest.approx(1)
