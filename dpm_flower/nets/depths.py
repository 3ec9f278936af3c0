"""What a featurizer sees on the way: images (B,3,H,W) -> features (B,C,h,w) at several depths, its output last."""

from torch import fx, nn

from dpm_flower.nets.detector_split import DetectorFeaturizer
from dpm_flower.nets.hooks import hook_points
from dpm_flower.nets.in_place import is_overwritten
from dpm_flower.nets.tracing import trace


def at_depths(featurizer: nn.Module, side: int, width: int | None = None) -> nn.Module:
    """A featurizer and the side of its images in pixels (or their height and width) -> a network with its modules: images -> a tuple
    of features, from input to output.

    One of each size (h,w), the last that comes from ReLUs only and lies on every path, as LPIPS takes them; then the featurizer's
    own output, whatever its sign and size. Raises SettingError for a network that cannot be traced or read such images.
    """
    if isinstance(featurizer, DetectorFeaturizer):
        return DetectorFeaturizer(featurizer.transform, at_depths(featurizer.front, side, width))
    traced = trace(featurizer)
    nodes = {name: node for node, name in traced.names.items()}
    rectified = [
        point for point in hook_points(traced, side, width) if point.non_negative and not is_overwritten(traced, nodes[point.node])
    ]
    last = {point.shape[1:]: nodes[point.node] for point in rectified}
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    graph.graph_copy(traced.graph, copies)
    graph.output(tuple(copies[node] for node in (*last.values(), traced.result)))
    return fx.GraphModule(featurizer, graph, class_name="Depths")
