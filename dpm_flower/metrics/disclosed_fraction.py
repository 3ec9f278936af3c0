"""How much of what could be disclosed an attack did disclose, between what the label tells and what raw features tell."""

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


def disclosed_fraction(attack_B: Tensor, floor_B: Tensor, ceiling_B: Tensor) -> Tensor:
    """Scores of the same images, three (B,), higher = more alike -> each image's part (B,), float64; 0 = only what the label told.

    (attack - floor) / mean(ceiling - floor): the mean of the parts is the disclosed fraction, (mean attack - mean floor) / (mean
    ceiling - mean floor), 1 where the release told as much as raw features do. The span is the mean one and not each image's own:
    an image that its class mean shows almost as well as an attacker on raw features does has a span near 0, and a few of those
    would be the whole mean. Nothing is clipped: below 0 the attack did worse than the label, above 1 better than on raw features,
    and cutting off one side of the scatter would move the mean. Raises ShapeError for other shapes; MetricError for no images,
    scores that are not finite, and unless the mean ceiling lies above the mean floor.
    Source: SPEC.md, section 8.
    """
    scores = {"attack": attack_B, "floor": floor_B, "ceiling": ceiling_B}
    shapes = [tuple(values.shape) for values in scores.values()]
    if attack_B.ndim != 1 or len(set(shapes)) != 1:
        raise ShapeError(f"wanted attack, floor and ceiling of one shape (B,), got {shapes}")
    if not len(attack_B):
        raise MetricError("wanted the scores of at least one image, got none")
    for name, values in scores.items():
        if not bool(torch.isfinite(values).all()):
            raise MetricError(f"wanted finite scores of the {name}, got {int((~torch.isfinite(values)).sum())} that are not")
    floor, ceiling = float(floor_B.double().mean()), float(ceiling_B.double().mean())
    if not ceiling > floor:
        raise MetricError(f"wanted a mean ceiling above the mean floor, got a ceiling of {ceiling:.4f} and a floor of {floor:.4f}")
    return (attack_B.double() - floor_B.double()) / (ceiling - floor)
