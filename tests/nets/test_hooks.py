import copy

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import backbone_names, build_backbone
from dpm_flower.nets.hooks import find_hook, hook_points
from dpm_flower.nets.tracing import Traced, trace
from tests.nets.outlines import outline, traced_outline
from tests.nets.toys import Chain, LongSkip


def reaches(traced: Traced, without: fx.Node) -> bool:
    """Slow reference: is there a way from the image to the logits that avoids this call?"""
    seen, waiting = set(), [traced.source]
    while waiting:
        node = waiting.pop()
        if node is traced.result:
            return True
        if node is not without and node not in seen:
            seen.add(node)
            waiting.extend(node.users)
    return False


@pytest.mark.parametrize("network", [LongSkip(), build_backbone("resnet20", 3, stream(0)), build_backbone("resnet18", 3, stream(0))])
def test_hook_points_are_the_calls_that_no_path_avoids(network: nn.Module) -> None:
    traced = trace(network)
    found = {point.node for point in hook_points(traced, 32)}
    unavoidable = {name for node, name in traced.names.items() if not reaches(traced, node)}
    flat = {"x", "images_b3hw", "images_B3HW", "flatten", "drop", "fc"}
    shadowed = {"conv1"} if hasattr(network, "conv1") else set()
    assert found == unavoidable - flat - shadowed


def test_friendly_names_of_a_thin_resnet() -> None:
    points = hook_points(trace(build_backbone("resnet20", 3, stream(0))), 16)
    named = {point.name: point.shape for point in points if point.name != point.node}
    assert named == {
        "conv1": (16, 16, 16),
        **{f"conv2_{block}": (16, 16, 16) for block in (1, 2, 3)},
        **{f"conv3_{block}": (32, 8, 8) for block in (1, 2, 3)},
        **{f"conv4_{block}": (64, 4, 4) for block in (1, 2, 3)},
    }


def test_torchvision_s_first_layer_is_the_literature_s_second_stage() -> None:
    points = hook_points(trace(build_backbone("resnet50", 3, stream(0))), 32)
    blocks = [point.name for point in points if point.name.startswith("conv") and "_" in point.name]
    assert blocks == [f"conv{stage}_{block + 1}" for stage, count in zip((2, 3, 4, 5), (3, 4, 6, 3), strict=True) for block in range(count)]
    assert find_hook(points, "conv3_1").node == "layer2.0.relu_2"


@pytest.mark.parametrize("name", ["conv3_2", "layer2.1", "layer2", "layer2.1.relu_1"])
def test_every_name_of_a_point_means_it(name: str) -> None:
    point = find_hook(hook_points(trace(build_backbone("resnet18", 3, stream(0))), 32), name)
    assert (point.name, point.node, point.shape) == ("conv3_2", "layer2.1.relu_1", (128, 4, 4))


def test_the_parts_of_a_densenet_are_named_as_torchvision_names_them() -> None:
    _, points = traced_outline("densenet121")
    named = {point.name: point.shape for point in points if point.name != point.node}
    assert named == {
        "features.denseblock1": (256, 8, 8),
        "features.transition1": (128, 4, 4),
        "features.denseblock2": (512, 4, 4),
        "features.transition2": (256, 2, 2),
        "features.denseblock3": (1024, 2, 2),
        "features.transition3": (512, 1, 1),
        "features.denseblock4": (1024, 1, 1),
    }
    assert [p.name for p in points if p.non_negative] == [
        "features.relu0",
        "features.pool0",
        *(f"features.transition{n}.relu" for n in (1, 2, 3)),
        "relu",
        "adaptive_avg_pool2d",
    ]


@pytest.mark.parametrize("name", ["features.denseblock2", "features.denseblock2.cat"])
def test_both_names_of_a_dense_block_mean_its_end(name: str) -> None:
    point = find_hook(traced_outline("densenet121")[1], name)
    assert (point.name, point.node) == ("features.denseblock2", "features.denseblock2.cat")


def test_a_vgg_can_be_cut_behind_every_layer_of_its_features() -> None:
    network, (_, points) = outline("vgg16_bn"), traced_outline("vgg16_bn")
    assert [point.name for point in points] == [f"features.{number}" for number in range(len(network.features))] + ["avgpool"]
    # A max-pool has the sign of what it pools, and in VGG that is a ReLU.
    rectified = [f"features.{n}" for n, m in enumerate(network.features) if isinstance(m, nn.ReLU | nn.MaxPool2d)]
    assert [point.name for point in points if point.non_negative] == [*rectified, "avgpool"]


@pytest.mark.parametrize("name", backbone_names())
def test_every_name_of_every_backbone_s_points_means_one_point(name: str) -> None:
    _, points = traced_outline(name)
    assert all(find_hook(points, one) is point for point in points for one in point.names)
    assert len({one for point in points for one in point.names}) == sum(len(point.names) for point in points)


def test_conv1_means_the_stem_behind_its_relu() -> None:
    point = find_hook(hook_points(trace(build_backbone("resnet18", 3, stream(0))), 32), "conv1")
    assert (point.node, point.non_negative) == ("relu", True)


def test_no_name_means_two_points() -> None:
    points = hook_points(trace(build_backbone("resnet18", 3, stream(0))), 32)
    names = [name for point in points for name in point.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["layer2.0.conv1", "layer2.0.relu", "layer2.0.downsample", "fc", "flatten", "conv9_1", ""])
def test_another_place_is_refused_with_the_valid_names(name: str) -> None:
    points = hook_points(trace(build_backbone("resnet18", 3, stream(0))), 32)
    with pytest.raises(HookError) as refusal:
        find_hook(points, name)
    assert all(point.name in str(refusal.value) and point.node in str(refusal.value) for point in points)
    assert str(refusal.value).endswith(f"got {name!r}")


@pytest.mark.parametrize(
    ("parts", "non_negative"),
    [
        ((nn.ReLU(),), True),
        ((nn.ReLU(), nn.MaxPool2d(2), nn.Identity(), nn.Dropout(0.1), nn.AvgPool2d(2)), True),
        ((nn.MaxPool2d(2),), False),
        ((nn.ReLU(), nn.BatchNorm2d(3)), False),
        ((nn.ReLU(), nn.Conv2d(3, 3, 1)), False),
        ((nn.LeakyReLU(),), False),
    ],
)
def test_features_are_non_negative_behind_a_relu_and_what_keeps_the_sign(parts: tuple[nn.Module, ...], non_negative: bool) -> None:
    network = Chain(3, nn.BatchNorm2d(3), *parts)
    point = find_hook(hook_points(trace(network), 8), f"parts.{len(parts)}")
    assert point.non_negative is non_negative


def test_functional_relus_and_pools_count_too() -> None:
    points = {point.node: point.non_negative for point in hook_points(trace(LongSkip()), 16)}
    assert points["relu"]
    assert points["adaptive_avg_pool2d"]
    assert not points["max_pool2d"]


class Joins(nn.Module):
    """Signed and non-negative tensors, put together in all ways."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        x = torch.cat([self.relu(x), functional.relu(self.conv(x))], 1)[:, :3]  # a slice hides where it comes from
        y = self.relu(x)
        x = torch.cat([y, y], 1)  # cat_1
        y, z = self.relu(x), functional.relu(-x)
        x = y + z  # add
        x = self.relu(x) + 1  # add_1: a number may be negative
        y = self.relu(x)
        x = torch.add(y, y, alpha=-2)  # add_2
        x = torch.cat([self.relu(x), x], 1)  # cat_2
        return self.fc(x.mean((2, 3))[:, :3])


def test_what_joins_non_negative_features_only_is_non_negative() -> None:
    points = {point.node: point.non_negative for point in hook_points(trace(Joins()), 8)}
    joins = {node: sign for node, sign in points.items() if node.startswith(("cat", "add"))}
    assert joins == {"cat": True, "cat_1": True, "add": True, "add_1": False, "add_2": False, "cat_2": False}


def test_a_network_that_can_be_cut_nowhere_says_so() -> None:
    with pytest.raises(HookError, match="can be cut nowhere, got 'conv1'"):
        find_hook(hook_points(trace(nn.Sequential(nn.Flatten(), nn.Linear(192, 2))), 8), "conv1")


def test_looking_for_hooks_changes_nothing() -> None:
    network = build_backbone("resnet20", 3, stream(0)).train()
    before = copy.deepcopy(network.state_dict())
    hook_points(trace(network), 16)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(module.training for module in network.modules())


def test_a_side_that_the_network_cannot_read_is_refused() -> None:
    for side, message in ((0, "at least 1 pixel, got 0"), (2, "reads \\(B,3,2,2\\) images")):
        with pytest.raises(SettingError, match=message):
            hook_points(trace(Chain(4, nn.Conv2d(3, 4, 5))), side)
