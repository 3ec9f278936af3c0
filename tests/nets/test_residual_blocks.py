import pytest
import torch
from torch import nn
from torchvision import models

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.residual_blocks import BasicBlock, BottleneckBlock, he_initialise


@pytest.mark.parametrize(("channels_out", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
def test_a_basic_block_has_a_projection_exactly_where_the_shape_changes(channels_out: int, stride: int) -> None:
    block = BasicBlock(4, channels_out, stride)
    assert block(torch.rand(2, 4, 6, 6)).shape == (2, channels_out, 6 // stride, 6 // stride)
    assert isinstance(block.shortcut, nn.Identity) == (channels_out == 4 and stride == 1)


@pytest.mark.parametrize("make", [lambda end: BasicBlock(8, 8, final_relu=end), lambda end: BottleneckBlock(8, end)])
def test_the_final_relu_is_all_that_the_switch_changes(make) -> None:
    with global_generator_from(stream(0)):
        linear = make(False).eval()
    rectified = make(True).eval()
    rectified.load_state_dict(linear.state_dict())
    features = torch.randn(2, 8, 5, 5, generator=stream(1))
    assert linear(features).min() < 0
    assert torch.equal(rectified(features), linear(features).relu())


@pytest.mark.parametrize("block", [BasicBlock(8, 8), BottleneckBlock(8)])
def test_a_block_whose_branch_is_silent_is_the_rectified_identity(block: nn.Module) -> None:
    last = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)][-1]
    nn.init.zeros_(last.weight)
    features = torch.randn(2, 8, 5, 5, generator=stream(1))
    untouched = features.clone()
    assert torch.equal(block.eval()(features), features.relu())
    assert torch.equal(features, untouched)


def test_he_weights_keep_the_variance_that_he_wants() -> None:
    convolution = nn.Conv2d(64, 128, 3)
    with global_generator_from(stream(0)):
        he_initialise(convolution)
    assert convolution.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert convolution.bias is not None
    assert not convolution.bias.any()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d"])
def test_blocks_are_torchvision_s(name: str) -> None:
    with torch.device("meta"):
        theirs = models.get_model(name).layer1[1]
    theirs.to_empty(device="cpu").eval()
    with global_generator_from(stream(0)):
        he_initialise(theirs)
        for norm in (module for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.reset_running_stats()
    ours = {
        "resnet18": lambda: BasicBlock(64, 64),
        "resnet50": lambda: BottleneckBlock(256),
        "wide_resnet50_2": lambda: BottleneckBlock(256, squeeze=2),
        "resnext50_32x4d": lambda: BottleneckBlock(256, squeeze=2, groups=32),
    }[name]().eval()
    ours.load_state_dict(theirs.state_dict())
    features = torch.rand(2, 64 if name == "resnet18" else 256, 4, 4, generator=stream(1))
    assert torch.equal(ours(features), theirs(features))


@pytest.mark.parametrize(("channels", "squeeze", "groups", "left"), [(64, 2, 32, 32), (24, 2, 32, 4), (5, 1, 64, 1), (3, 4, 2, 1)])
def test_there_are_as_many_groups_as_divide_the_inner_channels(channels: int, squeeze: int, groups: int, left: int) -> None:
    assert BottleneckBlock(channels, squeeze=squeeze, groups=groups).conv2.groups == left


@pytest.mark.parametrize(
    "make",
    [
        lambda: BottleneckBlock(8, groups=0),
        lambda: BottleneckBlock(8, squeeze=0),
        lambda: BasicBlock(0, 4),
        lambda: BasicBlock(4, 4, 0),
        lambda: BottleneckBlock(0),
    ],
)
def test_a_block_without_channels_or_stride_is_refused(make) -> None:
    with pytest.raises(SettingError, match="at least one channel"):
        make()
