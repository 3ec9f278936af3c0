"""What an entity is judged on where it has test images of its own: two numbers, and nothing of the images."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from dpm_flower.core.errors import PeerError
from dpm_flower.core.labelled import Labelled

IMAGES, TRIVIAL = "test_images", "test_trivial"  # in the answer to who is there


@dataclass(frozen=True, slots=True)
class JudgedOn:
    """How many test images an entity has of its own, and the share of the most frequent class among them, in (0, 1]."""

    images: int
    trivial: float


def judged_on(test: Labelled) -> dict[str, float]:
    """Test images -> the two figures, as they travel."""
    return {IMAGES: float(len(test)), TRIVIAL: int(torch.bincount(test.labels).max()) / len(test)}


def read_judged_on(figures: Mapping[str, float]) -> JudgedOn | None:
    """What travelled -> the same; None of an entity that is judged on the study's test images. Raises PeerError for what cannot be."""
    if IMAGES not in figures and TRIVIAL not in figures:
        return None
    images, trivial = figures.get(IMAGES, 0.0), figures.get(TRIVIAL, 0.0)
    if not images.is_integer() or images < 1 or not 0 < trivial <= 1:
        raise PeerError(f"wanted a number of test images and the share of a class in (0, 1], got {images:g} and {trivial:g}")
    return JudgedOn(int(images), trivial)
