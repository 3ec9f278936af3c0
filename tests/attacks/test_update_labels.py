import pytest
import torch
from torch import nn

from dpm_flower.attacks.update_labels import inferred_labels
from dpm_flower.attacks.updated_part import UpdatedPart, gradient_step, part_of
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.shared import ModelUpdate
from tests.attacks.updating import NETS, OWN, clouds, network_of, trained
from tests.training.toys import CPU

START = part_of(NETS, ModelUpdate(network_of().state_dict(), 1), CPU)
ANSWERS = START.start(OWN.images).softmax(1).mean(0).detach()


def stepped(images):
    return part_of(NETS, gradient_step(START, images.images, images.labels, CPU), CPU)


@pytest.mark.parametrize("label", range(3))
def test_one_image_tells_its_label(label):
    one = clouds(3, seed=4).take(torch.tensor([label]))
    assert inferred_labels(stepped(one), ANSWERS, 1).tolist() == [label]


def test_a_gradient_tells_how_many_there_are_of_each_class_where_one_is_missing():
    some = clouds(12, seed=4).take(torch.tensor([0, 3, 6, 9, 1, 4]))  # four of class 0, two of class 1
    assert inferred_labels(stepped(some), ANSWERS, 6).tolist() == [0, 0, 0, 0, 1, 1]


def test_steps_of_adam_tell_of_which_class_there_are_most():
    some = clouds(12, seed=4).take(torch.tensor([0, 3, 6, 9]))  # all of class 0
    found = inferred_labels(part_of(NETS, trained(some, 1), CPU), ANSWERS, 4).tolist()
    assert len(found) == 4
    assert found.count(0) >= 2


def test_an_update_that_went_nowhere_tells_what_the_start_answers():
    assert len(inferred_labels(START, torch.tensor([0.5, 0.25, 0.25]), 4).unique()) == 3


def test_without_biases_there_is_nothing_to_read():
    part = UpdatedPart(nn.Identity(), nn.Linear(2, 3, bias=False), nn.Linear(2, 3, bias=False))
    with pytest.raises(ReleaseError, match="ends in a linear layer with biases"):
        inferred_labels(part, ANSWERS, 1)
