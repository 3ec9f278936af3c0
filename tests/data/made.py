"""Small data made on the spot."""

from dataclasses import replace

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labelled
from dpm_flower.data.dataset import DataSet


def numbered_images(numbers: Tensor, side: int = 11) -> Tensor:
    """Numbers (N,) -> images (N,3,side,side) of which no two are equal, each saying its number in its first three pixels."""
    images = torch.zeros(len(numbers), 3, side, side)
    for place in range(3):
        images[:, :, 0, place] = ((numbers // 256**place) % 256 / 255.0).unsqueeze(1)
    return images


def number_of(images: Tensor) -> list[int]:
    """What `numbered_images` wrote into each image."""
    return sum((images[:, 0, 0, place] * 255).round().long() * 256**place for place in range(3)).tolist()  # type: ignore[union-attr]


def numbered_set(train_counts: list[int], test_counts: list[int]) -> DataSet:
    """Images per class -> a data set whose training images are numbered from 0 on, the test images after them."""
    train, test = sum(train_counts), sum(test_counts)
    images = numbered_images(torch.arange(train + test))
    return DataSet(
        name="numbered",
        train=Labelled(images[:train], classes_of(train_counts), len(train_counts)),
        test=Labelled(images[train:], classes_of(test_counts), len(test_counts)),
        class_names=tuple(f"class {number}" for number in range(len(train_counts))),
    )


def known_of(numbers: Tensor) -> Tensor:
    """Numbers (N,) -> attributes (N,2): odd, and whether a third divides them, which is unknown of multiples of 7."""
    numbers = numbers.long()
    thirds = torch.where(numbers % 7 == 0, 255, (numbers % 3 == 0).long())
    return torch.stack((numbers % 2, thirds), 1).to(torch.uint8)


def with_attributes(dataset: DataSet) -> DataSet:
    """A numbered set whose images have the attributes of their numbers."""
    parts = {part: getattr(dataset, part) for part in ("train", "test")}
    known = {part: replace(images, attributes=known_of(torch.tensor(number_of(images.images)))) for part, images in parts.items()}
    return replace(dataset, **known, attribute_names=("odd", "third"))


def classes_of(counts: list[int]) -> Tensor:
    """Images per class -> their labels (N,), in turns rather than class by class."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
