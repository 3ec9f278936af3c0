"""Handwritten digits that need no download: 1,797 grey pictures of 8 x 8 pixels."""

from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from dpm_flower.core.streams import stream
from dpm_flower.data.pixels import image_pieces
from dpm_flower.data.stratified import stratified_split
from dpm_flower.data.undecoded import Part, Undecoded

TEST_IMAGES = 500
BRIGHTEST = 16.0  # scikit-learn's pixels count the ink in 4 x 4 bitmap cells: 0 to 16


def digits(side: int) -> Undecoded:
    """The side wanted -> 1,297 training and 500 test images (N,3,side,side) of ten digits; the split is fixed and stratified.

    Source: scikit-learn's `load_digits`, the test part of UCI's optical recognition of handwritten digits.
    """
    bunch = load_digits()
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    order = torch.randperm(len(labels), generator=stream(0, "digits", "test"))

    def part(chosen: Tensor) -> Part:
        rows = chosen.sort().values
        return Part(labels[rows], partial(image_pieces, bunch.images[rows.numpy()] / BRIGHTEST, side, "digits"))

    test, train = stratified_split(order, labels, TEST_IMAGES)
    return Undecoded(
        name="digits",
        side=side,
        train=part(train),
        test=part(test),
        class_names=tuple(str(digit) for digit in range(10)),
        notes=() if side == 8 else (f"images of 8 x 8 pixels were resized to {side} x {side}",),
        held_out_by="",
    )
