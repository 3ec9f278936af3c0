import pytest
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.nets.in_place import is_overwritten
from dpm_flower.nets.tracing import trace


class Calls(nn.Module):
    """An image through one function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(3, 3, 1)
        self.rectify = nn.ReLU(inplace=True)
        self.relu = nn.ReLU()
        self.same = nn.Identity()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


WRITES = {
    "module": lambda net, x: net.rectify(x),
    "function with a flag": lambda net, x: functional.relu(x, inplace=True),
    "function": lambda net, x: functional.relu_(x),
    "method": lambda net, x: x.relu_(),
    "view": lambda net, x: net.rectify(x.flatten(1)),
    "identity": lambda net, x: net.rectify(net.same(x)),
    "dropout, at rest the identity": lambda net, x: net.rectify(net.drop(x)),
    "second reader": lambda net, x: net.conv(x) + net.rectify(x),
}
READS = {
    "convolution": lambda net, x: net.rectify(net.conv(x)),
    "sum": lambda net, x: net.rectify(x + 1),
    "relu": lambda net, x: net.rectify(net.relu(x)),
    "written into another": lambda net, x: net.conv(x).add_(x),
    "never": lambda net, x: net.conv(x).flatten(1),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_call_that_writes_over_its_input_is_seen(name: str) -> None:
    traced = trace(Calls(WRITES[name]))
    assert is_overwritten(traced, traced.source)


@pytest.mark.parametrize("name", READS)
def test_a_call_that_writes_over_memory_of_the_network_s_own_is_let_be(name: str) -> None:
    traced = trace(Calls(READS[name]))
    assert not is_overwritten(traced, traced.source)
