"""How near guesses come to images with boxes: the whole image, and what is inside the boxes, each between its floor and its ceiling."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from torch import Tensor

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.labelled import as_floats
from dpm_flower.metrics.inside_boxes import inside_boxes
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.studies.trials.obfuscation import recovered

Score: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # images and guesses (N,3,H,W) -> how near each guess comes, of those that count


def scored(truth: Boxed, guesses: Mapping[str, Tensor], anchors: Mapping[str, Tensor]) -> dict[str, float]:
    """Images with boxes, by attacker its guesses (N,3,H,W), and those of "floor", "ceiling" and "ceiling_A0" -> figures.

    Means over images by "ssim_…" and, over the images with boxes, "inside_…", for all guesses and anchors; of attackers also
    "recovered_…" and "recovered_inside_…", the share of the way from floor to ceiling, A0's being its own, where there is such a way.
    """
    images, figures = as_floats(truth.images), dict[str, float]()
    scores: dict[str, Score] = {"ssim": sign_aware_ssim, "inside": partial(_inside, boxes=truth.boxes)}
    for score, of in scores.items():
        found = {who: of(images, guess) for who, guess in (dict(guesses) | dict(anchors)).items()}
        if not len(found["floor"]):
            continue  # no image has a box
        figures |= {f"{score}_{who}": float(each.mean()) for who, each in found.items()}
        for who in guesses:
            ceiling = found["ceiling_A0" if who == "A0" else "ceiling"]
            head = "recovered" if score == "ssim" else f"recovered_{score}"
            figures |= {f"{head}_{who}": share for share in recovered(found[who], found["floor"], ceiling)}
    return figures


def _inside(images_N3HW: Tensor, guesses_N3HW: Tensor, boxes: Sequence[Tensor]) -> Tensor:
    alike = inside_boxes(images_N3HW, guesses_N3HW, boxes)
    return alike.inside[alike.has_inside]
