"""The public networks of a detection task as one value: featurizer, decider and reconstructor, with what their features are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.detector_split import DetectionDecider, DetectorFeaturizer, Size, Target, split_detector
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.nets.small_detector import small_faster_rcnn
from dpm_flower.nets.three_nets import ThreeNets


class WholeDetector(nn.Module):
    """The decider after the featurizer, with the same parameters, not copies: images (B,3,H,W) -> what the decider answers."""

    def __init__(self, featurizer: DetectorFeaturizer, decider: DetectionDecider) -> None:
        super().__init__()
        self.featurizer, self.decider = featurizer, decider

    def forward(self, images_B3HW: Tensor, targets: Sequence[Target] | None = None) -> dict[str, Tensor] | list[Target]:
        """Images, and in training mode the boxes in them -> losses by name; detections (boxes, labels, scores) otherwise."""
        answer: dict[str, Tensor] | list[Target] = self.decider(self.featurizer(images_B3HW), targets)
        return answer


@dataclass(slots=True, eq=False, kw_only=True)
class DetectionNets(ThreeNets):
    """F (B,3,H,W) -> (B,C,h,w), D (B,C,h,w) -> boxes, R (B,C,h,w) -> (B,3,H,W), all for images of one size."""

    featurizer: DetectorFeaturizer
    decider: DetectionDecider

    @classmethod
    def assemble(cls, depth: int, hook: str, size: Size, classes: int, rng: torch.Generator) -> Self:
        """A thin ResNet's depth, where its detector is cut, height and width, and the number of classes of things -> untrained networks.

        R is plain-2-x2 with min-max. Raises SettingError and HookError as `small_faster_rcnn` and `split_detector` do.
        """
        featurizer, decider, point = split_detector(small_faster_rcnn(depth, classes, size, rng), hook, size)
        with global_generator_from(rng):
            reconstructor = Reconstructor(point.shape, size)
        spec = FeatureSpec(
            backbone=f"resnet{depth}",
            hook=point.name,
            shape=point.shape,
            featurizer_digest=tensors_digest(featurizer.state_dict()),
            non_negative=point.non_negative,
        )
        return cls(featurizer=featurizer, decider=decider, reconstructor=reconstructor, spec=spec)

    def whole_network(self) -> WholeDetector:
        """Images (B,3,H,W) -> losses or detections, with the same parameters, not copies."""
        return WholeDetector(self.featurizer, self.decider)
