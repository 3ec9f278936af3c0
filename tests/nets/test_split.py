import copy
from functools import cache

import pytest
import torch
from torch import fx, nn

from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.backbones import SMALL, backbone_names, build_backbone
from dpm_flower.nets.hooks import hook_points
from dpm_flower.nets.split import halves, split
from dpm_flower.nets.tracing import trace
from tests.nets.narrow import NARROW
from tests.nets.outlines import traced_outline
from tests.nets.toys import Chain, Ending, LongSkip, ReadsWhatItOverwrote

SIDE, VGG_SIDE = 8, 32  # pixels; VGG halves its images five times


@cache
def original(name: str) -> nn.Module:
    with global_generator_from(stream(0, "toy")):
        made = {"toy": LongSkip, **NARROW}.get(name)
        return made() if made else build_backbone(name, 4, stream(0, name))


def backbone(name: str) -> nn.Module:
    return copy.deepcopy(original(name))


def side_of(name: str) -> int:
    return SIDE if "resne" in name or name == "toy" else VGG_SIDE


def hooks(name: str) -> list[str]:
    return [point.node if point.node in point.names else point.name for point in hook_points(trace(original(name)), side_of(name))]


SAMPLES = [
    ("resnet50", "conv3_1"),
    ("resnet50", "layer4.0.add"),
    ("densenet121", "features.denseblock2"),
    ("densenet-small", "features.conv0"),
    ("densenet-small", "features.denseblock1"),
    ("resnext-small", "conv1"),
    ("resnext-small", "maxpool"),
    ("resnext-small", "conv3_1"),
    ("vgg11-small", "features.11"),
    ("vgg11_bn-small", "features.12"),
]
EVERYWHERE = ("toy", "resnet20", "resnet18-small", "resnext", "vgg", "densenet")
CUTS = [(name, hook) for name in EVERYWHERE for hook in hooks(name)] + SAMPLES


def one_step(network: nn.Module, whole: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Logits in training mode, with gradients left in `whole`; dropout draws the same each time."""
    with global_generator_from(stream(2)):
        logits = network(images)
    nn.functional.cross_entropy(logits, torch.arange(len(images)) % 4).backward()
    return logits


@pytest.mark.parametrize(("name", "hook"), CUTS)
def test_the_halves_do_what_the_uncut_network_does_bit_for_bit(name: str, hook: str) -> None:
    uncut, side = backbone(name), side_of(name)
    cut = copy.deepcopy(uncut)
    featurizer, decider, point = split(cut, hook, side)
    both = nn.Sequential(featurizer, decider)
    images = torch.rand(2, 3, side, side, generator=stream(1))

    uncut.eval(), both.eval()
    with torch.no_grad():
        features = featurizer(images)
        assert features.shape == (2, *point.shape)
        loud = 8 * torch.randn(4, 3, side, side, generator=stream(2))  # what can be negative at all, is for some of these
        assert point.non_negative == bool(featurizer(loud).min() >= 0)
        assert torch.equal(decider(features), uncut(images))

    uncut.train(), both.train()
    assert torch.equal(one_step(both, cut, images), one_step(uncut, uncut, images))
    for (key, mine), (_, theirs) in zip(cut.state_dict().items(), uncut.state_dict().items(), strict=True):
        assert torch.equal(mine, theirs), key
    for (key, mine), (_, theirs) in zip(cut.named_parameters(), uncut.named_parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad), key


def calls(graph: fx.Graph, given: int = 0) -> list[str]:
    """A graph's calls in order, numbered on from `given`: what is called, on the results of which calls. A copy counts as its original."""
    numbers: dict[fx.Node, int] = {}
    found = []
    for node in graph.nodes:
        is_copy = node.target == "clone" and [numbers[one] for one in node.all_input_nodes] == [given]
        if node.op == "placeholder" or is_copy:
            numbers[node] = given
        elif node.op != "output":
            arguments = fx.node.map_arg((node.args, node.kwargs), lambda one: f"result {numbers[one]}")
            found.append(f"{node.op} {node.target} {arguments}")
            numbers[node] = given + len(found)
    return found


SAME_CALLS = {
    "wide_resnet50_2": "resnet50",
    "resnext50_32x4d": "resnet50",
    "wide_resnet101_2": "resnet101",
    "resnext101_32x8d": "resnet101",
    "resnext101_64x4d": "resnet101",
}
FULL = [name for name in backbone_names() if not name.endswith(SMALL)]


@pytest.mark.parametrize("name", SAME_CALLS)
def test_wide_and_grouped_networks_make_the_calls_of_the_plain_one(name: str) -> None:
    graph, plain = (traced_outline(one)[0].graph for one in (name, SAME_CALLS[name]))
    assert calls(graph) == calls(plain)


@pytest.mark.parametrize("name", [name for name in FULL if name not in SAME_CALLS])
def test_at_every_hook_point_of_every_backbone_the_halves_make_the_network_s_own_calls(name: str) -> None:
    traced, points = traced_outline(name)
    wanted = calls(traced.graph)[:-1]  # without the head
    for point in points:
        front, back = halves(traced, point)
        before = calls(front)
        assert before + calls(back, given=len(before)) == wanted, point.name


@pytest.mark.parametrize(("name", "hook"), [("toy", "add"), ("resnet20", "conv3_1"), ("resnet18", "layer2.0.add"), ("resnet50", "conv4_1")])
def test_each_parameter_is_in_one_half_under_its_own_name(name: str, hook: str) -> None:
    whole = backbone(name)
    featurizer, decider, _ = split(whole, hook, SIDE)
    front, back = dict(featurizer.named_parameters()), dict(decider.trunk.named_parameters())
    head = {f"fc.{key}": parameter for key, parameter in decider.head.named_parameters()}
    assert not (front.keys() & back.keys())
    assert {**front, **back, **head}.keys() == dict(whole.named_parameters()).keys()
    assert all(parameter is whole.get_parameter(key) for key, parameter in {**front, **back, **head}.items())


def test_names_of_the_halves_are_the_same_every_time() -> None:
    first, second = (split(build_backbone("resnet20", 4, stream(seed)), "conv3_1", side) for seed, side in ((0, 16), (1, 32)))
    for half in (0, 1):
        assert list(first[half].state_dict()) == list(second[half].state_dict())


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("resnet20", "bn1"),
        ("resnet20", "conv2.0.add"),
        ("resnet20", "conv3_1"),
        ("resnext", "layer2.0.add"),
        ("vgg", "features.1"),
        ("vgg", "avgpool"),
        ("densenet", "features.transition1.norm"),
        ("densenet", "features.norm5"),
        ("densenet", "features.denseblock2"),
    ],
)
def test_the_decider_leaves_its_features_alone(name: str, hook: str) -> None:
    _, decider, point = split(backbone(name), hook, side_of(name))
    features = torch.randn(2, *point.shape, generator=stream(1), requires_grad=True)
    before = features.detach().clone()
    decider.train()(features).sum().backward()
    assert torch.equal(features.detach(), before)
    assert features.grad is not None


def test_the_featurizer_leaves_its_images_alone() -> None:
    featurizer, _, _ = split(Chain(3, nn.Hardtanh(-0.1, 0.1, inplace=True), nn.Conv2d(3, 3, 1)), "parts.1", SIDE)
    images = torch.rand(2, 3, SIDE, SIDE, generator=stream(1))
    before = images.clone()
    featurizer(images)
    assert torch.equal(images, before)


def test_activations_are_what_the_last_linear_layer_reads() -> None:
    featurizer, decider, _ = split(backbone("resnet20").eval(), "conv3_1", SIDE)
    features = featurizer(torch.rand(2, 3, SIDE, SIDE, generator=stream(1)))
    assert decider.activations(features).shape == (2, 64)
    assert torch.equal(decider.head(decider.activations(features)), decider(features))


def test_a_copy_of_a_half_is_independent() -> None:
    _, decider, point = split(backbone("resnet20"), "conv3_1", SIDE)
    twin = copy.deepcopy(decider)
    features = torch.rand(2, *point.shape, generator=stream(1))
    assert torch.equal(twin.train()(features), decider.train()(features))
    before = [parameter.clone() for parameter in decider.parameters()]
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(a, b) for a, b in zip(before, decider.parameters(), strict=True))


def test_halves_run_in_channels_last() -> None:
    featurizer, decider, _ = split(backbone("resnet18").eval(), "conv3_1", SIDE)
    images = torch.rand(2, 3, SIDE, SIDE, generator=stream(1))
    wanted = decider(featurizer(images))
    halves = nn.Sequential(featurizer, decider).to(memory_format=torch.channels_last)
    assert torch.allclose(halves(images.to(memory_format=torch.channels_last)), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("resnet18", "layer2.0.conv1"),
        ("resnet20", "conv3.0.relu"),
        ("resnet20", "conv3.0.shortcut"),
        ("toy", "b.0"),
        ("toy", "c"),
        ("toy", "fc"),
    ],
)
def test_a_cut_inside_a_branch_is_refused(name: str, hook: str) -> None:
    with pytest.raises(HookError, match="can be cut at"):
        split(backbone(name), hook, SIDE)


@pytest.mark.parametrize("end", [nn.Softmax(dim=1), nn.BatchNorm1d(2)])
def test_a_network_that_does_not_end_in_a_linear_layer_is_refused(end: nn.Module) -> None:
    with pytest.raises(SettingError, match=r"ends in a call of an nn\.Linear, got one that ends in end"):
        split(Ending(end), "conv", SIDE)


def test_logits_of_another_rank_are_refused() -> None:
    with pytest.raises(SettingError, match=r"logits \(B,K\), got an output of shape \(1, 4, 8, 2\)"):
        split(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(SIDE, 2)), "0", SIDE)


def test_a_network_that_hides_what_it_does_from_its_graph_is_refused() -> None:
    with pytest.raises(HookError, match="answer as the network does"):
        split(ReadsWhatItOverwrote(), "a", SIDE)
