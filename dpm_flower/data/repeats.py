"""Images that occur more than once: where they are, so that no two pieces of a division hold the same one."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpm_flower.core.labelled import as_bytes
from dpm_flower.data.dataset import DataSet

PIECE_IMAGES = 4096  # images rounded or padded at a time, to keep the copy small
WORD_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Which training images stay: `kept` (M,) ascending indices; and how many went, as copies of training or of test images."""

    kept: Tensor
    repeats_in_train: int
    repeats_of_test: int


_found: WeakKeyDictionary[DataSet, Distinct] = WeakKeyDictionary()  # of the data sets that live; each is compared once


def distinct_in(dataset: DataSet) -> Distinct:
    """A data set -> as `distinct`, once for all seeds and partitions: nobody writes to its images, and all of them have to be read."""
    if (found := _found.get(dataset)) is None:
        found = _found[dataset] = distinct(dataset.train.images, dataset.test.images)
    return found


def distinct(train_images: Tensor, test_images: Tensor) -> Distinct:
    """Training images (N,C,H,W) and test images (T,C,H,W) -> the first of each training image that is not in the test set.

    Images are compared by their 8-bit pixels: what looks the same on a screen is the same. A test image in the training set
    would be scored as if it were new, hence it is the training image that goes.
    """
    sums = np.concatenate((_sums(train_images), _sums(test_images)))
    _, inverse, counts = np.unique(sums, return_inverse=True, return_counts=True)
    in_train, in_test = np.split(counts[inverse] > 1, [len(train_images)])  # equal images have equal sums; only these are compared
    tested = {_pixels(test_images[index]) for index in np.flatnonzero(in_test).tolist()}
    kept = np.ones(len(train_images), dtype=np.bool_)
    seen, repeats_of_test = set[bytes](), 0
    for index in np.flatnonzero(in_train).tolist():
        pixels = _pixels(train_images[index])
        kept[index] = pixels not in tested and pixels not in seen
        repeats_of_test += pixels in tested
        seen.add(pixels)
    repeats_in_train = len(train_images) - int(kept.sum()) - repeats_of_test
    return Distinct(torch.from_numpy(np.flatnonzero(kept)), repeats_in_train, repeats_of_test)


def _pixels(image: Tensor) -> bytes:
    return as_bytes(image).numpy().tobytes()


def _sums(images: Tensor) -> NDArray[np.uint64]:
    """Images (N,C,H,W) -> a weighted sum (N,) of each one's bytes, eight at a time, modulo 2**64."""
    sums = np.empty(len(images), dtype=np.uint64)
    for start in range(0, len(images), PIECE_IMAGES):
        rows = as_bytes(images[start : start + PIECE_IMAGES]).flatten(1).contiguous().numpy()
        if lacking := -rows.shape[1] % WORD_BYTES:
            rows = np.pad(rows, ((0, 0), (0, lacking)))
        words = rows.view(np.uint64)
        sums[start : start + PIECE_IMAGES] = words @ _weights(words.shape[1])
    return sums


def _weights(words: int) -> NDArray[np.uint64]:
    """Fixed odd numbers (words,): an even one would let the highest bits of its word have no say."""
    return np.random.default_rng(0).integers(0, 2**63, words, dtype=np.uint64) * 2 + 1
