"""How near guesses come to images with boxes: the whole image by every score, and what is inside the boxes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dpm_flower.attacks.boxed_scores import boxed_scores
from dpm_flower.attacks.headline import Anchored, headline
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import MetricError
from dpm_flower.core.labelled import as_floats
from dpm_flower.metrics.inside_boxes import inside_boxes
from dpm_flower.studies.trials.obfuscation import recovered

SECRETIVE = ("A3", "A4")  # they have more of the victim than its release, and are told beside the headline


def scored(
    truth: Boxed,
    guesses: Mapping[str, Tensor],
    anchors: Mapping[str, Tensor],
    featurizer: nn.Module,
    compute: Compute,
    rng: torch.Generator,
) -> dict[str, float]:
    """Images with boxes, by attacker its guesses (N,3,H,W), those of "floor", "ceiling" and "ceiling_A0", the public featurizer -> figures.

    Means over images by "ssim_…" and, over the images with boxes, "inside_…", for all guesses and anchors. Of attackers also
    "recovered_inside_…", the share of the way from floor to ceiling, A0's being its own, where there is such a way; and
    "disclosed_…", the most of that share by any score of the whole image. "disclosed" and "disclosed_p95" are the headline: the worst
    of all who have no more of the victim than its release, or of all where nothing is secret. What cannot be measured is left out.
    """
    found = boxed_scores(truth, guesses, anchors, featurizer, compute)
    figures, anchored = {f"ssim_{who}": float(one.ssim.mean()) for who, one in found.scores.items()}, found.anchored
    figures |= {f"disclosed_{who}": value for who, one in anchored.items() for value in _headline({who: one}, rng)[:1]}
    without_secrets = {who: one for who, one in anchored.items() if who not in SECRETIVE} if "A2" in anchored else anchored
    figures |= dict(zip(("disclosed", "disclosed_p95"), _headline(without_secrets, rng), strict=False))
    return figures | _inside(as_floats(truth.images), truth.boxes, {**guesses, **anchors}, found.ceilings)


def _headline(anchored: Mapping[str, Anchored], rng: torch.Generator) -> tuple[float, ...]:
    """The mean and the 95th percentile; nothing where no attacker was shown able to read raw features."""
    try:
        found = headline(anchored, rng)
    except MetricError:
        return ()
    return found.mean.value, found.p95.value


def _inside(images_N3HW: Tensor, boxes: Sequence[Tensor], guesses: Mapping[str, Tensor], ceilings: Mapping[str, str]) -> dict[str, float]:
    """By attacker its ceiling's name -> figures of what is inside the boxes; none where no image has a box."""
    alike = {who: inside_boxes(images_N3HW, guess, boxes) for who, guess in guesses.items()}
    found = {who: one.inside[one.has_inside] for who, one in alike.items()}
    if not len(found["floor"]):
        return {}
    shares = {
        f"recovered_inside_{who}": share
        for who, ceiling in ceilings.items()
        for share in recovered(found[who], found["floor"], found[ceiling])
    }
    return {f"inside_{who}": float(each.mean()) for who, each in found.items()} | shares
