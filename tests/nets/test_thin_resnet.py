import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.thin_resnet import ThinResNet

# Table 6 of He et al. (2015), in millions; that count is for option A, projections add 2,752 weights and norms.
MILLIONS = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85}


@pytest.mark.parametrize("depth", MILLIONS)
def test_depth_counts_the_layers_with_weights_and_the_size_is_the_published_one(depth: int) -> None:
    network = ThinResNet(depth, 10)
    layers = [name for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "shortcut" not in name]
    assert len(layers) == depth
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(MILLIONS[depth], abs=0.01)


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (32, 32)])
def test_stages_have_the_literature_s_shapes_for_any_side(size: tuple[int, int]) -> None:
    network = ThinResNet(20, 7).eval()
    shapes = {}
    for name in ("conv2", "conv3", "conv4"):
        getattr(network, name).register_forward_hook(lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    assert network(torch.rand(2, 3, *size)).shape == (2, 7)
    height, width = size
    half = (-(-height // 2), -(-width // 2))
    assert shapes == {"conv2": (16, height, width), "conv3": (32, *half), "conv4": (64, -(-half[0] // 2), -(-half[1] // 2))}


def test_it_learns() -> None:
    torch.manual_seed(0)
    network = ThinResNet(8, 2)
    labels = torch.tensor([0, 1] * 8)
    images = torch.rand(16, 3, 8, 8) * 0.2 + labels.view(-1, 1, 1, 1) * 0.5
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("depth", [2, 18, 21, -4])
def test_another_depth_is_refused(depth: int) -> None:
    with pytest.raises(SettingError, match=f"6n \\+ 2.*got {depth}"):
        ThinResNet(depth, 10)


def test_no_classes_are_refused() -> None:
    with pytest.raises(SettingError, match="at least one class, got 0"):
        ThinResNet(20, 0)
