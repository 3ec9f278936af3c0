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


def test_logits_are_computed_in_float32_under_autocast_where_bfloat16_would_make_them_equal():
    """Two classes whose weights differ by less than bfloat16 can tell: the second is the better one for positive activations."""
    head = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, 1.001]]))
    decider, features = Decider(nn.Flatten(), head), torch.ones(1, 2, 1, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        alone, logits = head(features.flatten(1)), decider(features)
    assert alone.dtype == torch.bfloat16
    assert alone[0, 0] == alone[0, 1]
    assert logits.dtype == torch.float32
    assert logits[0, 1] > logits[0, 0]
    assert torch.equal(logits, decider.logits(features.flatten(1).bfloat16()))
