import pytest
import torch

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled

IMAGES = torch.linspace(0, 1, 4 * 3 * 2 * 2).reshape(4, 3, 2, 2)
LABELS = torch.tensor([0, 2, 1, 2])


def with_pixel(value):
    images = IMAGES.clone()
    images[2, 1, 0, 1] = value
    return images


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1e-6, 1 + 1e-6])
def test_values_that_are_no_pixels_are_refused(value):
    with pytest.raises(DataError, match="finite and lie in"):
        Labelled(with_pixel(value), LABELS, 3)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes_are_refused(label):
    with pytest.raises(DataError, match=r"labels must lie in \[0, 3\)"):
        Labelled(IMAGES, torch.tensor([0, label, 1, 2]), 3)


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [
        (IMAGES[0], LABELS, ShapeError),
        (IMAGES, LABELS[:3], ShapeError),
        (IMAGES, LABELS.unsqueeze(1), ShapeError),
        (IMAGES.double(), LABELS, DataError),
        ((IMAGES * 255).to(torch.uint8), LABELS, DataError),
        (IMAGES, LABELS.int(), DataError),
    ],
)
def test_other_shapes_and_types_are_refused(images, labels, error):
    with pytest.raises(error, match="got"):
        Labelled(images, labels, 3)


def test_take_gives_these_images_in_this_order():
    taken = Labelled(IMAGES, LABELS, 3).take(torch.tensor([3, 0, 3]))
    assert torch.equal(taken.images, IMAGES[[3, 0, 3]])
    assert taken.labels.tolist() == [2, 0, 2]
    assert (len(taken), taken.classes) == (3, 3)


def test_a_set_may_be_empty():
    assert len(Labelled(IMAGES, LABELS, 3).take(torch.tensor([], dtype=torch.int64))) == 0
