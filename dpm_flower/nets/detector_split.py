"""Cutting a detector in two: one of torchvision's detectors and a hook -> featurizer (B,3,H,W) -> (B,C,h,w), and the rest as decider."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor, fx, nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.hooks import HookPoint, find_hook, hook_points
from dpm_flower.nets.split import cut_of, part
from dpm_flower.nets.tracing import in_mode, trace

Target: TypeAlias = dict[str, Tensor]  # "boxes" (M,4), corners in pixels of the image, and "labels" (M,), from 1
Size: TypeAlias = tuple[int, int]  # height and width of all images, pixels


class DetectorFeaturizer(nn.Module):
    """Images (B,3,H,W) in [0,1] -> features (B,C,h,w): the detector's own normalisation, then its backbone up to the cut."""

    def __init__(self, transform: nn.Module, front: nn.Module) -> None:
        super().__init__()
        self.transform = transform
        self.front = front

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images -> features."""
        with in_mode(self.transform, training=False):  # while training it would draw a size to resize to
            prepared, _ = self.transform(list(images_B3HW))
        features: Tensor = self.front(prepared.tensors)
        return features


class _Rest(nn.Module):
    """Stands in for a detector's backbone: whatever images it is given, it answers with what follows from the features it holds."""

    def __init__(self, back: nn.Module) -> None:
        super().__init__()
        self.back = back
        self.features: Tensor | None = None

    def forward(self, images: Tensor) -> Mapping[str, Tensor] | Tensor:  # noqa: ARG002  # what a backbone is called with
        """The maps behind the features."""
        maps: Mapping[str, Tensor] | Tensor = self.back(self.features)
        return maps


class DetectionDecider(nn.Module):
    """Features (B,C,h,w) -> in training mode, with targets, the detector's losses by name; else a list of detections.

    It is the detector itself with another backbone, so that proposals, heads, losses and boxes are torchvision's own code.
    """

    def __init__(self, detector: nn.Module, back: nn.Module, size: Size) -> None:
        super().__init__()
        self.detector = detector
        self.size = size
        detector.backbone = _Rest(back)

    @property
    def _rest(self) -> _Rest:
        """Looked up, not kept: the detector's state would hold it twice."""
        return cast(_Rest, self.detector.backbone)

    def maps(self, features_BChw: Tensor) -> Mapping[str, Tensor]:
        """Features -> the maps that proposals and heads read, by level."""
        maps: Mapping[str, Tensor] | Tensor = self._rest.back(features_BChw)
        return {"0": maps} if isinstance(maps, Tensor) else maps

    def forward(self, features_BChw: Tensor, targets: Sequence[Target] | None = None) -> dict[str, Tensor] | list[Target]:
        """Features, and in training mode the boxes in their images -> losses; detections (boxes, labels, scores) otherwise."""
        blank = [features_BChw.new_zeros(3, *self.size) for _ in features_BChw]
        self._rest.features = features_BChw
        try:
            answer: dict[str, Tensor] | list[Target] = self.detector(blank, None if targets is None else list(targets))
        finally:
            self._rest.features = None
        return answer


def split_detector(detector: nn.Module, hook: str, size: Size) -> tuple[DetectorFeaturizer, DetectionDecider, HookPoint]:
    """A detector (Faster R-CNN, RetinaNet …), where to cut its backbone, and the size of all images -> its halves and the hook point.

    The halves hold the detector's own modules: what they do together is what it does, bit for bit under equal random streams, while
    it has another backbone from now on and is not to be called itself. A hook is valid where every way from the image to every map
    passes one tensor: with a pyramid those are the places up to the end of its lowest level. Raises HookError with the valid places;
    SettingError for what is no such detector, and for a size that it would resize or pad.
    """
    backbone, transform = (_child(detector, name) for name in ("backbone", "transform"))
    _check_size(transform, size)
    traced = trace(backbone, maps=True)
    point = find_hook(hook_points(traced, *size), hook)
    cut = cut_of(traced, point)
    front = fx.GraphModule(backbone, part(traced, traced.source, cut), class_name="Front")
    back = fx.GraphModule(backbone, part(traced, cut, traced.result), class_name="Back")
    return DetectorFeaturizer(transform, front), DetectionDecider(detector, back, size), point


def _child(detector: nn.Module, name: str) -> nn.Module:
    child = getattr(detector, name, None)
    if not isinstance(child, nn.Module):
        raise SettingError(f"wanted one of torchvision's detectors, with a {name}, got {type(detector).__name__}")
    return child


def _check_size(transform: nn.Module, size: Size) -> None:
    """Raises SettingError unless images of this size pass the detector's transform as large as they came."""
    sides = getattr(transform, "min_size", (0,))
    if len(sides) != 1:
        raise SettingError(f"wanted a detector for one size of images, got one that draws from {sides}")
    with in_mode(transform, training=False), torch.no_grad():
        prepared, _ = transform([torch.zeros(3, *size)])
    if tuple(prepared.tensors.shape[-2:]) != size:
        raise SettingError(f"wanted a detector made for images of {size}, got one that makes {tuple(prepared.tensors.shape[-2:])} of them")
