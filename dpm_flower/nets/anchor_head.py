"""A decider's last layer with nothing to learn: activations (B,A) -> logits (B,K), negative distances to fixed anchors."""

from collections.abc import Callable
from typing import TypeAlias, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.classification import AnchorLoss, ClassificationLoss, CrossEntropy, Distance
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.anchor_placing import place_anchors

HeadFor: TypeAlias = Callable[[nn.Module], nn.Module]  # a backbone's last layer -> what a decider has in its place

LEAST_LENGTH = 1e-3  # activations are of order 1; a shorter one has no direction, and the gradient of its cosine no bound


class AnchorHead(nn.Module):
    """Activations (B,A) -> logits (B,K), -scale x |f - a|^2 or -scale x (1 - cos(f, a)) for anchors (K,A).

    The anchors are a buffer: they travel in state dicts, digests and messages, and no optimiser moves them. Where they have one
    norm, -|f - a|^2 = 2 f.a - |f|^2 - |a|^2 differs from the fixed linear layer 2 f.a by the same number for all classes, so
    that a softmax sees that layer. Computed in float32 also under autocast: bfloat16 would lose the difference of two large
    squares. Raises ShapeError unless anchors are (K,A). Source: arXiv 1804.08087.
    """

    anchors: Tensor

    def __init__(self, anchors_KA: Tensor, distance: Distance, scale: float = 1.0) -> None:
        super().__init__()
        if anchors_KA.ndim != 2:
            raise ShapeError(f"wanted anchors (K,A), got {tuple(anchors_KA.shape)}")
        self.register_buffer("anchors", anchors_KA)
        self.distance = distance
        self.scale = scale

    def forward(self, activations_BA: Tensor) -> Tensor:
        """Activations (B,A) -> logits (B,K), float32."""
        with torch.autocast(activations_BA.device.type, enabled=False):
            activations_BA = activations_BA.float()
            if self.distance == "cosine":
                cosines_BK = _directions(activations_BA) @ _directions(self.anchors).T
                return self.scale * (cosines_BK - 1)
            squares_B1 = activations_BA.square().sum(1, keepdim=True)
            distances_BK = squares_B1 - 2 * activations_BA @ self.anchors.T + self.anchors.square().sum(1)
            return -self.scale * distances_BK

    def extra_repr(self) -> str:
        """What `print` shows of it."""
        classes, dimensions = self.anchors.shape
        return f"classes={classes}, dimensions={dimensions}, distance={self.distance}, scale={self.scale}"


def head_for(loss: ClassificationLoss, rng: torch.Generator) -> HeadFor:
    """A loss and the anchors' stream -> what takes the place of a backbone's linear layer: itself, or anchors of its dimensions.

    The function that it answers with raises SettingError for another layer than a linear one, and where anchors do not fit.
    """

    def anchored(linear: nn.Module) -> nn.Module:
        match loss:
            case CrossEntropy():
                return linear
            case AnchorLoss():
                return _anchored(linear, loss, rng)
        assert_never(loss)

    return anchored


def _anchored(linear: nn.Module, loss: AnchorLoss, rng: torch.Generator) -> AnchorHead:
    if not isinstance(linear, nn.Linear):
        raise SettingError(f"anchors take the place of an nn.Linear, got {type(linear).__name__}")
    anchors_KA = place_anchors(linear.out_features, linear.in_features, loss.placing, rng)
    return AnchorHead(anchors_KA * (loss.norm or 1.0), loss.distance, loss.scale or 1.0)


def _directions(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors, dim=1, eps=LEAST_LENGTH)
