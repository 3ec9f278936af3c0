"""Photographs with masks, made on the spot: dark blots on clouds, each photograph in a tint of its own."""

import torch
from torch.nn import functional

from dpm_flower.data.masks import Masked


def pairs(count, seed=0, side=8):
    rng = torch.Generator().manual_seed(seed)
    heights = functional.interpolate(torch.rand(count, 1, side // 2, side // 2, generator=rng), size=(side, side), mode="bicubic")
    masks = (heights > heights.flatten(1).quantile(0.7, 1).view(-1, 1, 1, 1)).to(torch.uint8)
    tints = 0.5 + 0.5 * torch.rand(count, 3, 1, 1, generator=rng)
    clouds = 0.6 + 0.4 * torch.rand(count, 3, side, side, generator=rng)
    images = (255 * tints * clouds * (1 - 0.5 * masks)).to(torch.uint8)
    return Masked(images, masks, torch.zeros(count, dtype=torch.int64))
