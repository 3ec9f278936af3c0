"""Blood smears in small: things of two colours on clouds, with their boxes, and networks to find them."""

import functools

import torch
from torch.nn import functional

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.streams import stream
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.training.prediction import apply
from tests.training.toys import CPU

SIZE, NAMES = (32, 40), ("red", "blue")


def cells(count: int, seed: int = 0) -> Boxed:
    """`count` images with one to three grained things each, of two classes, each in a colour of its own."""
    rng = torch.Generator().manual_seed(seed)
    height, width = SIZE
    images = 0.3 + 0.3 * functional.interpolate(torch.rand(count, 3, 4, 5, generator=rng), size=SIZE, mode="bilinear")
    boxes, labels = [], []
    for image in images:
        number = int(torch.randint(1, 4, (1,), generator=rng))
        corners, kinds = torch.zeros(number, 4), torch.randint(0, len(NAMES), (number,), generator=rng)
        for place, kind in enumerate(kinds.tolist()):
            side = int(torch.randint(9, 15, (1,), generator=rng))
            top, left = (int(torch.randint(0, length - side, (1,), generator=rng)) for length in (height, width))
            grain = 0.5 + 0.5 * torch.rand(side, side, generator=rng)
            image[:, top : top + side, left : left + side] = 0.2 * grain
            image[0 if kind == 0 else 2, top : top + side, left : left + side] = grain
            corners[place] = torch.tensor([left, top, left + side, top + side])
        boxes.append(corners)
        labels.append(kinds)
    return Boxed(images.clamp(0, 1), tuple(boxes), tuple(labels), NAMES)


def detection_nets(seed: int = 0) -> DetectionNets:
    """Frozen, untrained networks for such images: features (B,32,16,20)."""
    return DetectionNets.assemble(8, "conv3_1", SIZE, len(NAMES), stream(seed, "nets")).frozen()


@functools.cache
def seen() -> tuple[DetectionNets, Boxed, torch.Tensor]:
    """Networks, eight images, and their raw features. Shared: not to be written to."""
    nets, data = detection_nets(), cells(8)
    return nets, data, apply(nets.featurizer, data.images, CPU)
