"""Images that occur more than once: where they are, so that no two pieces of a division hold the same one."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

PIECE_IMAGES = 4096  # images quantised at a time, to keep the copy small


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Which training images stay: `kept` (M,) ascending indices; and how many went, as copies of training or of test images."""

    kept: Tensor
    repeats_in_train: int
    repeats_of_test: int


def image_digests(images: Tensor) -> list[bytes]:
    """Images (N,C,H,W) in [0,1] -> N SHA-256 digests of their 8-bit pixels; images that look the same on a screen are equal."""
    digests: list[bytes] = []
    for piece in torch.split(images, PIECE_IMAGES):
        rows = (piece * 255.0).round_().to(torch.uint8).flatten(1).contiguous().numpy()
        digests.extend(hashlib.sha256(row).digest() for row in rows)
    return digests


def distinct(train_images: Tensor, test_images: Tensor) -> Distinct:
    """Training images (N,C,H,W) and test images (T,C,H,W) -> the first of each training image that is not in the test set.

    A test image in the training set would be scored as if it were new, hence it is the training image that goes.
    """
    tested = set(image_digests(test_images))
    seen: set[bytes] = set()
    kept: list[int] = []
    repeats_of_test = 0
    for index, digest in enumerate(image_digests(train_images)):
        if digest in tested:
            repeats_of_test += 1
        elif digest not in seen:
            seen.add(digest)
            kept.append(index)
    repeats_in_train = len(train_images) - len(kept) - repeats_of_test
    return Distinct(torch.tensor(kept, dtype=torch.int64), repeats_in_train, repeats_of_test)
