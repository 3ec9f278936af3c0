"""The public networks of a detection task as one value: featurizer, decider and reconstructor, with what their features are."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.detector_split import DetectionDecider, DetectorFeaturizer, Size, Target, split_detector
from dpm_flower.nets.named_tensors import copied, named_tensors
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.nets.small_detector import small_faster_rcnn
from dpm_flower.nets.strict_state import overwrite


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
class DetectionNets:
    """F (B,3,H,W) -> (B,C,h,w), D (B,C,h,w) -> boxes, R (B,C,h,w) -> (B,3,H,W), all for images of one size.

    `spec.featurizer_digest` is that of the featurizer when the networks were assembled, loaded or frozen.
    """

    featurizer: DetectorFeaturizer
    decider: DetectionDecider
    reconstructor: nn.Module
    spec: FeatureSpec

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

    def frozen(self) -> Self:
        """A copy to give to all: in evaluation mode, no parameter asks for a gradient, the digest is that of the weights."""
        nets = copy.deepcopy(self)
        for network in nets._networks().values():
            network.eval().requires_grad_(False)
        nets._renew_digest()
        return nets

    def tensors(self) -> dict[str, Tensor]:
        """All weights and statistics, copied: names start with "featurizer.", "decider." or "reconstructor."."""
        return copied(named_tensors(self._networks()))

    def digest(self) -> str:
        """SHA-256 of all weights and statistics, in hexadecimal."""
        return tensors_digest(named_tensors(self._networks()))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over weights that `tensors` gave; modules stay the same objects.

        Raises ShapeError or ReleaseError, naming the first offender, and changes nothing unless all of them fit and are sound.
        """
        overwrite(named_tensors(self._networks()), tensors)
        self._renew_digest()

    def whole_network(self) -> WholeDetector:
        """Images (B,3,H,W) -> losses or detections, with the same parameters, not copies."""
        return WholeDetector(self.featurizer, self.decider)

    def _networks(self) -> dict[str, nn.Module]:
        return {"featurizer": self.featurizer, "decider": self.decider, "reconstructor": self.reconstructor}

    def _renew_digest(self) -> None:
        self.spec = dataclasses.replace(self.spec, featurizer_digest=tensors_digest(self.featurizer.state_dict()))
