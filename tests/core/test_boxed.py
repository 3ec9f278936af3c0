"""Boxed images are what they say: each refusal, and taking and joining."""

import pytest
import torch

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.errors import DataError, ShapeError

NAMES = ("cell", "platelet")
IMAGES = torch.zeros(2, 3, 8, 12, dtype=torch.uint8)
BOX = torch.tensor([[1.0, 2.0, 12.0, 8.0]])
NONE = torch.zeros(0, 4)


def boxed(boxes: torch.Tensor = BOX, labels: torch.Tensor | None = None, images: torch.Tensor = IMAGES) -> Boxed:
    """Two images: the first with these boxes, the second with none."""
    labels = torch.ones(len(boxes), dtype=torch.int64) if labels is None else labels
    return Boxed(images, (boxes, NONE), (labels, torch.zeros(0, dtype=torch.int64)), NAMES)


def test_boxes_up_to_the_borders_and_images_without_any_are_taken() -> None:
    assert len(boxed()) == 2
    assert boxed().size == (8, 12)


@pytest.mark.parametrize(
    "corners",
    [
        (1.0, 2.0, 12.5, 8.0),
        (1.0, 2.0, 12.0, 8.5),
        (-0.5, 2.0, 12.0, 8.0),
        (1.0, -1.0, 12.0, 8.0),
        (5.0, 2.0, 5.0, 8.0),
        (1.0, 4.0, 12.0, 4.0),
        (float("nan"), 2.0, 12.0, 8.0),
    ],
)
def test_boxes_outside_or_without_area_are_refused_with_their_image(corners: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="image 0: wanted boxes with an area within 12 x 8 pixels"):
        boxed(torch.tensor([corners]))


@pytest.mark.parametrize("label", [-1, 2])
def test_unknown_classes_are_refused(label: int) -> None:
    with pytest.raises(DataError, match=r"image 0: wanted labels in \[0, 2\)"):
        boxed(labels=torch.tensor([label]))


def test_other_shapes_and_kinds_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"boxes \(M,4\)"):
        boxed(torch.zeros(1, 5))
    with pytest.raises(ShapeError, match=r"labels \(M,\)"):
        boxed(labels=torch.zeros(2, dtype=torch.int64))
    with pytest.raises(DataError, match="float32 boxes"):
        boxed(BOX.double())
    with pytest.raises(ShapeError, match="boxes and labels of 2 images"):
        Boxed(IMAGES, (BOX,), (torch.tensor([0]),), NAMES)
    with pytest.raises(DataError, match="at least one class"):
        Boxed(IMAGES[:0], (), (), ())
    with pytest.raises(ShapeError, match="N,C,H,W"):
        boxed(images=IMAGES[0])


def test_taking_keeps_boxes_with_their_images() -> None:
    turned = boxed().take(torch.tensor([1, 0, 0]))
    assert [len(boxes) for boxes in turned.boxes] == [0, 1, 1]
    assert torch.equal(turned.boxes[2], BOX)
    assert turned.labels[1].tolist() == [1]


def test_joining_puts_sets_one_after_another() -> None:
    both = joined([boxed(), boxed().take(torch.tensor([1]))])
    assert [len(boxes) for boxes in both.boxes] == [1, 0, 0]
    assert both.class_names == NAMES


def test_sets_that_do_not_go_together_are_not_joined() -> None:
    with pytest.raises(ShapeError, match="one size"):
        joined([boxed(), boxed(images=torch.zeros(2, 3, 12, 12, dtype=torch.uint8))])
    with pytest.raises(ShapeError, match="one size"):
        joined([])
    with pytest.raises(DataError, match="same classes"):
        joined([boxed(), Boxed(IMAGES[:0], (), (), ("cell",))])
