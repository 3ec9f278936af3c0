"""Where a network can be cut: a traced network and an image side -> its hook points."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.nets.in_place import call_name
from dpm_flower.nets.tracing import Traced, in_mode

BLOCK = re.compile(r"(?:body\.)?(layer|conv)(\d+)\.(\d+)")  # "body": of a detector's backbone, the part below its pyramid
PART_OF_DENSENET = re.compile(r"(?:body\.)?features\.(denseblock|transition)\d+")
RELU_MODULES = (nn.ReLU, nn.ReLU6)
RELU_CALLS = frozenset({"relu", "relu_", "relu6"})
# Order-preserving, so that what was not negative stays so.
SIGN_KEEPING_MODULES = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
)
SIGN_KEEPING_CALLS = frozenset({"max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "cat", "concat"})
SUMS = frozenset({"add", "add_", "iadd"})


@dataclass(frozen=True, slots=True)
class HookPoint:
    """One place of a possible cut, and the features (C,h,w) per image that pass there.

    `name` is the name to use, `conv{stage}_{block}` at a ResNet block's end, torchvision's where a part of a DenseNet ends;
    `node` is the name of the call that makes the features; `names` are all the names that mean this point. `non_negative` says
    that the features come from ReLUs only.
    """

    name: str
    node: str
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    non_negative: bool


def hook_points(traced: Traced, side: int, width: int | None = None) -> tuple[HookPoint, ...]:
    """A traced network and the side of its images in pixels (or their height and width) -> its valid hook points, from input to output.

    Valid is a call whose result is of rank 4 and lies on every path from the input to the output. Raises SettingError if the
    network cannot read images of that side.
    """
    shapes = _shapes(traced, side, width or side)
    nodes = [node for node in _bottlenecks(traced) if len(shapes.get(node, ())) == 4 and shapes[node][0] == 1]
    friendly = [_friendly_names(traced, node) for node in nodes]
    owner: dict[str, fx.Node] = {}
    # In a ResNet "conv1" is the friendly name of the stem and the name of its bare convolution: the friendly one comes first.
    for names in (friendly, [[traced.names[node]] for node in nodes], [_ended_modules(traced, node) for node in nodes]):
        for node, its_names in zip(nodes, names, strict=True):
            for name in its_names:
                owner.setdefault(name, node)
    points = []
    for node in nodes:
        names_of_node = tuple(name for name, owned in owner.items() if owned is node)
        if names_of_node:
            _, channels, height, width = shapes[node]
            shape = (channels, height, width)
            points.append(HookPoint(names_of_node[0], traced.names[node], names_of_node, shape, _is_non_negative(traced, node)))
    return tuple(points)


def find_hook(points: tuple[HookPoint, ...], name: str) -> HookPoint:
    """The hook point that has this name, friendly or not. Raises HookError with the valid names."""
    for point in points:
        if name in point.names:
            return point
    friendly = ", ".join(point.name for point in points if point.name != point.node)
    calls = ", ".join(point.node for point in points if point.node in point.names)
    raise HookError(
        f"the network can be cut at {friendly}{', or ' if friendly else ''}at the calls {calls or 'none'}; got {name!r}"
        if points
        else f"the network can be cut nowhere, got {name!r}"
    )


def _bottlenecks(traced: Traced) -> Iterator[fx.Node]:
    """The nodes on every path from the input to the output, without these two ends."""
    order = {node: place for place, node in enumerate(traced.graph.nodes)}
    after, before = {traced.source}, {traced.result}
    for node in order:
        if any(argument in after for argument in node.all_input_nodes):
            after.add(node)
    for node in reversed(order):
        if any(user in before for user in node.users):
            before.add(node)
    between = [node for node in order if node in after and node in before]
    # The calls are in an order in which every edge points forward: a node is on every path unless an edge leaps over it.
    reach = -1
    for node in between:
        if order[node] >= reach and node not in (traced.source, traced.result):
            yield node
        reach = max([reach, *(order[user] for user in node.users if user in before)])


class _ShapeReader(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor that it makes."""

    def __init__(self, traced: Traced) -> None:
        super().__init__(traced.network, graph=traced.graph)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        result: object = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def _shapes(traced: Traced, height: int, width: int) -> dict[fx.Node, tuple[int, ...]]:
    """The shape of every tensor in the network when it looks at one black image; its statistics stay as they are."""
    if min(height, width) < 1:
        raise SettingError(f"an image's side must be at least 1 pixel, got {min(height, width)}")
    weight = next(traced.network.parameters(), torch.empty(0))
    reader = _ShapeReader(traced)
    with in_mode(traced.network, training=False), torch.no_grad():
        try:
            reader.run(torch.zeros(1, 3, height, width, device=weight.device, dtype=weight.dtype))
        except (RuntimeError, ValueError) as err:
            raise SettingError(f"wanted a network that reads (B,3,{height},{width}) images, got one that fails on them: {err}") from err
    return reader.shapes


def _enclosing(name: str) -> list[str]:
    """The modules around a call, the innermost first: "layer2.0.relu_1" -> ["layer2.0", "layer2"]."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _ended_modules(traced: Traced, node: fx.Node) -> list[str]:
    """The modules whose last call this is, the innermost first."""
    names = list(traced.names.values())
    place = names.index(traced.names[node])
    return [path for path in _enclosing(names[place]) if not any(name.startswith(f"{path}.") for name in names[place + 1 :])]


def _friendly_names(traced: Traced, node: fx.Node) -> list[str]:
    """`conv{stage}_{block}` for a block's last call, counted from 1; "conv1" behind the stem's ReLU; a DenseNet's parts by their names.

    torchvision's layer1 is the literature's stage conv2, because conv1 is the stem. Everything else has no friendly name.
    """
    if traced.names[node] == "relu" and isinstance(getattr(traced.network, "conv1", None), nn.Conv2d):
        return ["conv1"]
    ended = _ended_modules(traced, node)
    blocks = [match for path in ended if (match := BLOCK.fullmatch(path))]
    parts = [path for path in ended if PART_OF_DENSENET.fullmatch(path)]
    return parts + [f"conv{int(stage) + (kind == 'layer')}_{int(block) + 1}" for kind, stage, block in (match.groups() for match in blocks)]


def _is_non_negative(traced: Traced, node: fx.Node) -> bool:
    """Whether the features come from ReLUs, directly or through what keeps their sign."""
    module = traced.called(node)
    if isinstance(module, RELU_MODULES) or (module is None and call_name(node) in RELU_CALLS):
        return True
    if module is not None:
        keeps = isinstance(module, SIGN_KEEPING_MODULES)
    else:
        sums = call_name(node) in SUMS and not node.kwargs and all(isinstance(term, fx.Node) for term in node.args)
        keeps = sums or call_name(node) in SIGN_KEEPING_CALLS
    return keeps and all(_is_non_negative(traced, given) for given in node.all_input_nodes)
