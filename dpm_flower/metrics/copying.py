"""Whether synthetic images are copies: how near each lies to an image that the generator was trained on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import as_floats
from dpm_flower.metrics.membership import LOW_FPR, auc, tpr_at_fpr

PIECE_IMAGES = 512  # compared with all others at a time
LEAST_DEVIATION = 1 / 255  # an image flatter than this has nothing in it but rounding


@dataclass(frozen=True, slots=True, eq=False)
class Copying:
    """Distances of synthetic images to their nearest training image (N,), and of held-out real ones to theirs (M,): the baseline.

    What lies nearer than `threshold`, the baseline's alpha-quantile, counts as memorised, and so does what lies at no distance at all:
    where a share alpha of the held-out images are in the training set as well, nothing would be nearer than they.
    """

    distances: Tensor
    baseline: Tensor
    threshold: float

    @property
    def memorised(self) -> Tensor:
        """Which synthetic images are a training image, or lie nearer to one than all but a share alpha of the held-out do (N,) bool."""
        return (self.distances < self.threshold) | (self.distances == 0)

    @property
    def figures(self) -> dict[str, float]:
        """The memorised share, the least distance, and the median distance in units of the baseline's: below 1, nearer than real ones."""
        return {
            "memorised": float(self.memorised.double().mean()),
            "nearest": float(self.distances.min()),
            "nearness": float(self.distances.median() / self.baseline.median().clamp_min(torch.finfo(torch.float64).tiny)),
        }


def standardised(images_NCHW: Tensor, *, by_channel: bool = False) -> Tensor:
    """Images (N,C,H,W), bytes or floats in [0,1] -> the same with mean 0 and deviation 1 each, floats; what is flat is 0 everywhere.

    With `by_channel` it is each channel of each: where images of one kind have one tint, as photographs of the retina do, nearly all of
    their deviation is that of red from blue, and distances would be those of tints.

    The distance of two such images is 0 where they are the same whatever their brightness and contrast, and about 1.4 where they have
    nothing in common. Between images as they are a faint one lies near to all, and would pass for a copy.
    """
    images = as_floats(images_NCHW)
    deviations, means = torch.std_mean(images, dim=(2, 3) if by_channel else (1, 2, 3), keepdim=True, correction=0)
    return (images - means) / deviations.clamp_min(LEAST_DEVIATION)


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Of each of N images, which other lies nearest (N,), int64, and how far (N,), float64.

    Distances are root mean squared differences over channels and pixels: 0 = the same picture; of images in [0,1], 1 = black against white.
    """

    which: Tensor
    distances: Tensor


def nearest(images_NCHW: Tensor, others_MCHW: Tensor) -> Nearest:
    """Images (N,C,H,W) and others (M,C,H,W), bytes, or floats as they are -> each one's nearest other; of equal ones the first.

    Raises ShapeError for other shapes, MetricError where there is no other.
    """
    if images_NCHW.ndim != 4 or images_NCHW.shape[1:] != others_MCHW.shape[1:]:
        raise ShapeError(f"wanted images of one shape, got {tuple(images_NCHW.shape)} and {tuple(others_MCHW.shape)}")
    if not len(others_MCHW):
        raise MetricError("wanted at least one image to compare with, got none")
    others = as_floats(others_MCHW).flatten(1)
    lengths = others.square().sum(1)
    which, distances = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.float64)]
    for images in torch.split(as_floats(images_NCHW).flatten(1), PIECE_IMAGES):
        places = (lengths - 2 * images @ others.T).argmin(1)  # an image's own length is the same for all of its others
        which.append(places)
        # computed anew: the difference of two long vectors' products has no digits left where they are nearly the same
        distances.append((images.double() - others[places].double()).square().mean(1).sqrt())
    return Nearest(torch.cat(which), torch.cat(distances))


def copying(distances_N: Tensor, baseline_M: Tensor, alpha: float = 0.05) -> Copying:
    """Distances of synthetic and of held-out images to their nearest training image -> how much was copied.

    A generator that copies nothing has about a share alpha of its images below the threshold, if they are as varied as real ones;
    blurred ones lie nearer to everything, so that more count as memorised than are. Raises MetricError for no distances,
    ones that are not finite, and an alpha outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise MetricError(f"wanted an alpha between 0 and 1, got {alpha}")
    for what, values in (("synthetic", distances_N), ("held-out", baseline_M)):
        if not len(values) or not bool(torch.isfinite(values).all()):
            raise MetricError(f"wanted finite distances of at least one {what} image, got {len(values)}")
    return Copying(distances_N.double(), baseline_M.double(), float(baseline_M.double().quantile(alpha)))


def membership(training_N: Tensor, held_out_M: Tensor) -> dict[str, float]:
    """Distances of training (N,) and of held-out images (M,) to their nearest synthetic image -> how well these tell which is which.

    By "membership_auc", where chance has 0.5, and for at least 100 held-out images "membership_tpr", true positives at 1 % false ones.
    The attacker calls those nearest to a synthetic image members. Blurred synthetic images are no nearer to members than to others,
    which makes this the fairer test. Raises MetricError for no distances of either kind, or ones that are not finite.
    """
    scores = -torch.cat((training_N, held_out_M)).double()
    members = torch.arange(len(scores)) < len(training_N)
    found = {"membership_auc": auc(scores, members)}
    return found if len(held_out_M) * LOW_FPR < 1 else found | {"membership_tpr": tpr_at_fpr(scores, members, LOW_FPR)}
