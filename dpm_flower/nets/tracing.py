"""A network's graph: an nn.Module with one input and one output -> its calls, in order, under stable names."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import fx, nn
from torchvision import ops
from torchvision.models.feature_extraction import LeafModuleAwareTracer, NodePathTracer

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.standardised import StandardisedConv2d

# The graph calls these and does not look inside: the first three decide from their own training flag what they do, and the last
# is one convolution to everybody who asks for a hook point.
LEAVES = (ops.StochasticDepth, ops.DropBlock2d, ops.DropBlock3d, StandardisedConv2d)


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A network with the graph of its calls. `source` is the input image, `result` what comes out, `names` each call's own name.

    `result` is the logits; of a network that ends in several maps by name, the node that gathers those.

    A name is the path of the module that is called, or of the module that calls a function; the second call of the same
    name is `name_1`. This is torchvision's naming (`torchvision.models.feature_extraction`).
    """

    network: nn.Module
    graph: fx.Graph
    source: fx.Node
    result: fx.Node
    names: Mapping[fx.Node, str]

    def called(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, or None where it calls a function or a method."""
        return self.network.get_submodule(str(node.target)) if node.op == "call_module" else None


@contextmanager
def in_mode(network: nn.Module, training: bool) -> Iterator[None]:
    """The network in training or evaluation mode inside the block; outside, each of its modules in the mode it had."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.train(training)
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _trace_once(network: nn.Module, tracer: fx.Tracer, training: bool) -> fx.Graph:
    with in_mode(network, training):
        try:
            return tracer.trace(network)
        except Exception as err:  # a forward function is anybody's code, and fails in its own way on a symbolic image
            raise SettingError(f"wanted a network that torch.fx can trace, got {type(network).__name__}: {err}") from err


def trace(network: nn.Module, *, maps: bool = False) -> Traced:
    """A network -> its graph, which is the same in training and evaluation mode; the network stays as it is.

    With `maps` it may end in several tensors by name, as a detector's backbone does. Raises SettingError if it cannot be traced, has
    not one input and one output, or takes another way while training.
    """
    tracer = NodePathTracer(autowrap_modules=(math, ops), leaf_modules=LEAVES)
    graph = _trace_once(network, tracer, training=False)
    # Names cost most of the time of tracing (a second for densenet201), and comparing needs none.
    nameless = LeafModuleAwareTracer(autowrap_modules=(math, ops), leaf_modules=LEAVES)
    training_graph = _trace_once(network, nameless, training=True)
    if str(graph) != str(training_graph):
        raise SettingError(
            f"wanted a network with one graph for training and evaluation, got two from {type(network).__name__}: use modules "
            "(nn.Dropout) where its forward function reads self.training, and buffers where it makes tensors"
        )
    sources = [node for node in graph.nodes if node.op == "placeholder"]
    end = next(node for node in graph.nodes if node.op == "output")
    result = end if maps and isinstance(end.args[0], Mapping) else end.args[0]
    if len(sources) != 1 or not isinstance(result, fx.Node):
        raise SettingError(f"wanted a network with one input and one output tensor, got {len(sources)} inputs and the output {result}")
    return Traced(network, graph, sources[0], result, dict(tracer.node_to_qualname))
