import pytest
import torch

from dpm_flower.attacks.boxed_floor import MEAN_SIDE, boxed_mean_guess
from dpm_flower.attacks.floor import mean_guess
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import as_bytes
from tests.training.cells import NAMES, cells

OWN, VICTIMS = cells(12), cells(6, seed=1)
EMPTY = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)


def painted(red, blue, side=MEAN_SIDE):
    """A grey image with a red square and a blue one of these brightnesses, side by side."""
    image = torch.full((3, side, 2 * side), 0.5)
    image[:, :, :side], image[:, :, side:] = red, blue
    boxes = torch.tensor([[0.0, 0.0, side, side], [side, 0.0, 2 * side, side]])
    return image, boxes, torch.tensor([0, 1])


def auxiliary(*rows):
    images, boxes, labels = zip(*rows, strict=True)
    return Boxed(torch.stack(images), boxes, labels, NAMES)


def test_a_box_holds_the_mean_of_its_class_and_the_rest_is_the_mean_image():
    known = auxiliary(painted(0.2, 0.8), painted(0.4, 0.6))
    (guess,) = boxed_mean_guess((torch.tensor([[4.0, 2.0, 20.0, 12.0]]),), (torch.tensor([1]),), known).images
    mean = mean_guess(1, known.images).images[0].clone()
    mean[:, 2:12, 4:20] = 0.7
    torch.testing.assert_close(guess, mean)


def test_small_boxes_lie_upon_large_ones_whatever_their_order():
    known = auxiliary(painted(0.2, 0.8))
    boxes, labels = torch.tensor([[5.0, 5.0, 9.0, 9.0], [0.0, 0.0, 20.0, 20.0]]), torch.tensor([1, 0])
    for order in ([0, 1], [1, 0]):
        (guess,) = boxed_mean_guess((boxes[order],), (labels[order],), known).images
        assert torch.allclose(guess[:, 5:9, 5:9], torch.tensor(0.8))
        assert torch.allclose(guess[:, 10:20, 10:20], torch.tensor(0.2))


def test_boxes_tell_more_than_the_mean_image():
    told = boxed_mean_guess(VICTIMS.boxes, VICTIMS.labels, OWN).images
    untold = mean_guess(len(VICTIMS), OWN.images).images
    assert told.shape == VICTIMS.images.shape
    assert (told - VICTIMS.images).square().mean() < 0.7 * (untold - VICTIMS.images).square().mean()


def test_images_without_boxes_and_classes_without_content_have_the_mean_image():
    known = auxiliary(painted(0.2, 0.8))
    bare = Boxed(known.images, (EMPTY[0],), (EMPTY[1],), NAMES)
    mean = mean_guess(1, known.images).images
    assert torch.equal(boxed_mean_guess((EMPTY[0],), (EMPTY[1],), known).images, mean)
    assert torch.equal(boxed_mean_guess(known.boxes, known.labels, bare).images, mean)


def test_boxes_at_the_border_and_below_a_pixel_are_drawn():
    known = auxiliary(painted(0.2, 0.8))
    height, width = known.size
    boxes = torch.tensor([[width - 0.4, height - 0.4, float(width), float(height)]])
    (guess,) = boxed_mean_guess((boxes,), (torch.tensor([0]),), known).images
    assert torch.allclose(guess[:, -1, -1], torch.tensor(0.2))


def test_bytes_are_images():
    stored = Boxed(as_bytes(OWN.images), OWN.boxes, OWN.labels, NAMES)
    read = Boxed(stored.images / 255, OWN.boxes, OWN.labels, NAMES)
    guesses = [boxed_mean_guess(VICTIMS.boxes, VICTIMS.labels, known).images for known in (stored, read)]
    torch.testing.assert_close(*guesses)


def test_unknown_classes_and_boxes_without_a_label_are_refused():
    with pytest.raises(DataError, match=r"labels in \[0, 2\)"):
        boxed_mean_guess((torch.tensor([[0.0, 0.0, 2.0, 2.0]]),), (torch.tensor([2]),), OWN)
    with pytest.raises(ShapeError, match="a label for each box of 1 images, got 0 for 1"):
        boxed_mean_guess((torch.tensor([[0.0, 0.0, 2.0, 2.0]]),), (EMPTY[1],), OWN)
