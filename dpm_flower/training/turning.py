"""The eight ways in which a square picture can lie: quarter turns, and the same mirrored."""

from collections.abc import Sequence

import torch
from torch import Tensor

WAYS = 8


def lain(images_BCHW: Tensor, way: int) -> Tensor:
    """Square pictures (B,C,H,H) and one of eight ways -> the same, so laid; way 0 is as they are."""
    turned = torch.rot90(images_BCHW, way % 4, (2, 3))
    return turned.flip(3) if way >= WAYS // 2 else turned


def all_ways(images_NCHW: Tensor) -> Tensor:
    """Square pictures (N,C,H,H) -> all of them in all eight ways, (8N,C,H,H)."""
    return torch.cat([lain(images_NCHW, way) for way in range(WAYS)])


def turned(stacks: Sequence[Tensor], rng: torch.Generator) -> list[Tensor]:
    """Several (B,C,H,H), for example photographs and masks -> the same with every picture laid at random, alike in all of them."""
    ways_B = torch.randint(WAYS, (len(stacks[0]),), generator=rng)
    results = []
    for images in stacks:
        laid = images.clone()
        for way in range(1, WAYS):
            rows = (ways_B == way).nonzero().flatten().to(images.device)
            laid[rows] = lain(images[rows], way)
        results.append(laid)
    return results
