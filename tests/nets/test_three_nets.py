import pytest
import torch

from dpm_flower.core.errors import ShapeError
from tests.training.toys import CPU, equal, public_nets


def test_networks_with_other_weights_are_frozen_and_the_assembled_ones_are_not():
    given = public_nets()
    with torch.no_grad():
        next(given.decider.parameters()).add_(1)
    assembled = public_nets()
    found = assembled.loaded(given.tensors(), CPU)
    assert equal(found.tensors(), given.tensors())
    networks = (found.featurizer, found.decider, found.reconstructor)
    assert not any(parameter.requires_grad for network in networks for parameter in network.parameters())
    assert found is not assembled


def test_weights_of_others_are_refused():
    tensors = public_nets().tensors()
    name = next(name for name, tensor in tensors.items() if tensor.ndim)
    with pytest.raises(ShapeError):
        public_nets().loaded(tensors | {name: torch.zeros(1, 2, 3, 4, 5)}, CPU)
