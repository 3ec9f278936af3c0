"""Cutting a network in two: a backbone and a hook -> featurizer (B,3,H,W) -> (B,C,h,w) and decider (B,C,h,w) -> (B,K)."""

import torch
from torch import fx, nn

from dpm_flower.core.errors import HookError, SettingError
from dpm_flower.core.split_net import Decider
from dpm_flower.nets.hooks import HookPoint, find_hook, hook_points
from dpm_flower.nets.in_place import is_overwritten
from dpm_flower.nets.tracing import Traced, in_mode, trace

TOLERANCE = 1e-5  # of the largest logit; a GPU may choose another kernel for the second run, a wrong cut is far outside


def split(backbone: nn.Module, hook: str, side: int) -> tuple[nn.Module, Decider, HookPoint]:
    """A classifier of images of `side` pixels, and where to cut it -> its featurizer, its decider, and the hook point.

    The halves call the backbone's own modules, under the same names, and hold no others: training them trains the backbone,
    and decider(featurizer(x)) is what backbone(x) is, bit for bit. The decider's head is the backbone's last linear layer.
    Neither half writes over what it is given. Raises HookError for a place where the network cannot be cut, with the places
    where it can; SettingError for a network that cannot be traced or does not end in a linear layer.
    """
    traced = trace(backbone)
    head = traced.called(traced.result)
    if not isinstance(head, nn.Linear):
        raise SettingError(f"wanted a network that ends in a call of an nn.Linear, got one that ends in {traced.result.target}")
    point = find_hook(hook_points(traced, side), hook)
    front, back = halves(traced, point)
    featurizer = fx.GraphModule(backbone, front, class_name="Featurizer")
    decider = Decider(fx.GraphModule(backbone, back, class_name="Trunk"), head)
    _check_cut(backbone, featurizer, decider, hook, side)
    return featurizer, decider, point


def halves(traced: Traced, point: HookPoint) -> tuple[fx.Graph, fx.Graph]:
    """A traced network and one of its hook points -> its calls up to the cut, and those from there to what its last call reads."""
    cut = cut_of(traced, point)
    return part(traced, traced.source, cut), part(traced, cut, traced.result.all_input_nodes[0])


def cut_of(traced: Traced, point: HookPoint) -> fx.Node:
    """The call of a traced network whose result passes at one of its hook points."""
    return next(node for node, name in traced.names.items() if name == point.node)


def part(traced: Traced, start: fx.Node, end: fx.Node) -> fx.Graph:
    """What the network does between two of its tensors, as a graph of its own that calls the network's modules."""
    needed, waiting = {start}, [end]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting.extend(node.all_input_nodes)
    graph = fx.Graph()
    given = graph.placeholder("given")
    # A caller's images or features are not ours to overwrite, and a leaf that asks for a gradient must not be.
    copies = {start: graph.call_method("clone", (given,)) if is_overwritten(traced, start) else given}
    for node in traced.graph.nodes:
        if node in needed and node not in (start, end):
            copies[node] = graph.node_copy(node, copies.__getitem__)
    if end.op == "output":  # several tensors by name
        graph.output(fx.map_arg(end.args[0], copies.__getitem__))
    else:
        graph.output(copies.get(end) or graph.node_copy(end, copies.__getitem__))
    return graph


def _check_cut(backbone: nn.Module, featurizer: nn.Module, decider: Decider, hook: str, side: int) -> None:
    """Raises HookError unless the halves do together what the backbone does.

    A graph holds what is called and not what is overwritten: a network that goes on reading a tensor after writing over it
    would come out wrong, and only running it shows that.
    """
    weight = next(backbone.parameters())
    image = torch.linspace(0, 1, 3 * side * side, device=weight.device, dtype=weight.dtype).reshape(1, 3, side, side)
    halves = nn.Sequential(featurizer, decider)
    with in_mode(backbone, training=False), in_mode(halves, training=False), torch.no_grad():
        wanted, got = backbone(image.clone()), halves(image)
    if wanted.ndim != 2:
        raise SettingError(f"wanted a classifier with logits (B,K), got an output of shape {tuple(wanted.shape)}")
    scale = float(wanted.abs().max())
    if not torch.allclose(wanted, got, rtol=0, atol=TOLERANCE * scale, equal_nan=True):
        raise HookError(
            f"cut at {hook!r}, the halves must answer as the network does, got logits up to {float((wanted - got).abs().max())} apart"
        )
