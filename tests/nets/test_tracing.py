import pytest
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.nets.tracing import in_mode, trace
from tests.nets.toys import BranchOnMode, BranchOnValue, LongSkip, TwoInputs


def test_calls_have_stable_and_different_names() -> None:
    first, second = (list(trace(build_backbone("resnet18", 3, stream(seed))).names.values()) for seed in (0, 1))
    assert first == second
    assert len(set(first)) == len(first)
    assert {"layer1.0.relu", "layer1.0.relu_1", "layer2.0.add", "flatten", "fc"} <= set(first)


def test_modes_come_back_module_by_module() -> None:
    network = LongSkip().eval()
    network.b.train()
    network.b[1].eval()
    before = [module.training for module in network.modules()]
    trace(network)
    with in_mode(network, training=True):
        assert all(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == before


def test_modes_come_back_after_an_error() -> None:
    network = BranchOnValue().train()
    with pytest.raises(SettingError):
        trace(network)
    assert network.training


@pytest.mark.parametrize(
    ("network", "message"),
    [(BranchOnValue(), "torch.fx can trace"), (BranchOnMode(), "one graph for training and evaluation"), (TwoInputs(), "2 inputs")],
)
def test_networks_without_one_graph_are_refused(network: nn.Module, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        trace(network)
