"""Which calls of a traced network overwrite a tensor that is not theirs."""

import operator

from torch import fx, nn

from dpm_flower.nets.tracing import Traced

# What these return never shares memory with what they read. Anything else might (views, the identity, dropout at rest).
FRESH_MODULES = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.Linear,
    nn.ReLU,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)
FRESH_FUNCTIONS = frozenset({"add", "sub", "mul", "conv2d", "linear", "batch_norm", "relu", "max_pool2d", "avg_pool2d"})
IN_PLACE_OPERATORS = (operator.iadd, operator.isub, operator.imul, operator.itruediv)


def call_name(node: fx.Node) -> str:
    """What a node calls: the name of its function or method, or the path of its module."""
    return str(getattr(node.target, "__name__", node.target))


def _overwrites(traced: Traced, node: fx.Node) -> bool:
    """Whether the call writes its result over its first argument."""
    module = traced.called(node)
    if module is not None:
        return bool(getattr(module, "inplace", False))
    if node.target in IN_PLACE_OPERATORS or node.kwargs.get("inplace", False):
        return True
    name = call_name(node)
    return name.endswith("_") and not name.endswith("__")


def _is_fresh(traced: Traced, node: fx.Node) -> bool:
    """Whether the call's result has memory of its own."""
    module = traced.called(node)
    return isinstance(module, FRESH_MODULES) if module is not None else call_name(node) in FRESH_FUNCTIONS


def is_overwritten(traced: Traced, value: fx.Node) -> bool:
    """One tensor of a traced network -> whether a later call may write over it, directly or through a view of it.

    Errs on the side of yes.
    """
    for user in value.users:
        if _overwrites(traced, user):
            if user.all_input_nodes[0] is value:
                return True
        elif not _is_fresh(traced, user) and is_overwritten(traced, user):
            return True
    return False
