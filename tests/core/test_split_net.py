import torch
from torch import nn

from dpm_flower.core.split_net import Decider


def test_the_logits_are_the_head_of_the_activations():
    decider = Decider(nn.Sequential(nn.Flatten(), nn.Linear(8, 5), nn.ReLU()), nn.Linear(5, 3))
    features = torch.rand(2, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    activations = decider.activations(features)
    assert activations.shape == (2, 5)
    assert torch.equal(decider(features), decider.head(activations))
    assert torch.equal(activations, decider.trunk(features))
