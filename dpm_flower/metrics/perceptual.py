"""How alike a network finds two images, at several depths, for the picture and for its photographic negative."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.image_pair import check_image_pair

Depths: TypeAlias = Callable[[Tensor], Sequence[Tensor]]  # images (B,3,H,W) -> features (B,C,h,w), one tensor for each depth
PIECE_IMAGES = 64  # images looked at a time: the first features of a ResNet50 at 224 pixels are 3 MB each
NOTHING = 1e-10  # beside a feature's length: positions where a network sees nothing have no direction (LPIPS)


@torch.no_grad()
def perceptual_similarity(images_N3HW: Tensor, guesses_N3HW: Tensor, depths: Depths) -> Tensor:
    """Images and guesses (N,3,H,W) in [0,1], and a network's features -> how alike it finds them (N,) in [-1,1]; 1 = identical.

    1 - d / 2, where d is the squared distance of features that were normalised over channels at each position, averaged over
    positions and depths: LPIPS without its weights, which are learnt from people's judgements of another network, and with means
    in place of sums. So it is the mean cosine; features behind a ReLU have no coordinate below 0, and no score either. Of picture
    and negative the one that is more alike counts, since a negative discloses as much. Unrelated images share what all images have
    in common, and score far above 0: read it beside its anchors, `disclosed_fraction`. `depths` has the network in evaluation mode.
    Raises ShapeError for unequal shapes and features of other ranks; MetricError for values outside [0,1] and features that are not finite.
    Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (arXiv 1801.03924), eq. 1.
    """
    check_image_pair(images_N3HW, guesses_N3HW)
    pairs = zip(torch.split(images_N3HW, PIECE_IMAGES), torch.split(guesses_N3HW, PIECE_IMAGES), strict=True)
    return torch.cat([_score(images, guesses, depths).to(images_N3HW.device) for images, guesses in pairs])


def _score(images: Tensor, guesses: Tensor, depths: Depths) -> Tensor:
    truth = _directions(depths(images))
    likeness = [_likeness(truth, _directions(depths(looked_at))) for looked_at in (guesses, 1.0 - guesses)]
    return torch.maximum(*likeness)


def _likeness(truth: Sequence[Tensor], guess: Sequence[Tensor]) -> Tensor:
    """Directions of both at each depth (B,C,h,w) -> the mean of 1 - d / 2 over positions and depths (B,)."""
    distances = [(one - other).square().sum(1).flatten(1).mean(1) for one, other in zip(truth, guess, strict=True)]
    return 1.0 - torch.stack(distances).mean(0) / 2.0


def _directions(features: Sequence[Tensor]) -> list[Tensor]:
    """Features (B,C,h,w) -> the same with length 1 at each position, or 0 where there is nothing; in float32 at least."""
    for one in features:
        if one.ndim != 4:
            raise ShapeError(f"wanted features (B,C,h,w), got {tuple(one.shape)}")
        if not bool(torch.isfinite(one).all()):
            raise MetricError(f"wanted finite features, got {int((~torch.isfinite(one)).sum())} values that are not")
    precise = [one.to(torch.promote_types(one.dtype, torch.float32)) for one in features]
    return [one / (torch.linalg.vector_norm(one, dim=1, keepdim=True) + NOTHING) for one in precise]
