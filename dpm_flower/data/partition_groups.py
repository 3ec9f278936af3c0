"""Images that stay together, such as a patient's: which groups there are, how large they are and of which class."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """U groups of M images, numbered in the order of their first image; a group's label is its most frequent class."""

    of_image: Tensor  # (M,) group numbers
    labels: Labels  # (U,)
    sizes: Tensor  # (U,) images
    pure: bool  # whether no group has images of two classes


def groups_in_order(values_M: Tensor, labels_M: Labels) -> Groups:
    """Any numbers (M,), equal within a group, and labels (M,), M > 0 -> the groups; ties between classes go to the lower."""
    of_image, groups = _numbered(values_M)
    classes = int(labels_M.max()) + 1
    pairs, counts = torch.unique(of_image * classes + labels_M, return_counts=True)  # ascending: by group, then by class
    group_of_pair, class_of_pair = pairs // classes, pairs % classes
    by_count = torch.argsort(counts, descending=True, stable=True)
    best = by_count[torch.argsort(group_of_pair[by_count], stable=True)]
    starts = torch.ones(len(pairs), dtype=torch.bool)
    starts[1:] = group_of_pair[1:] != group_of_pair[:-1]
    sizes = torch.bincount(of_image, minlength=groups)
    return Groups(of_image, class_of_pair[best[starts]], sizes, pure=len(pairs) == groups)


def single_images(labels_M: Labels) -> Groups:
    """Labels (M,) -> every image as a group of its own."""
    return Groups(torch.arange(len(labels_M)), labels_M, torch.ones_like(labels_M), pure=True)


def _numbered(values_M: Tensor) -> tuple[Tensor, int]:
    """Values (M,) -> group numbers (M,) in the order of first appearance, and how many groups there are."""
    values, inverse = torch.unique(values_M, return_inverse=True)
    first = torch.full((len(values),), len(values_M)).scatter_reduce(0, inverse, torch.arange(len(values_M)), "amin")
    by_first = torch.argsort(first)
    numbers = torch.empty_like(by_first)
    numbers[by_first] = torch.arange(len(values))
    return numbers[inverse], len(values)
