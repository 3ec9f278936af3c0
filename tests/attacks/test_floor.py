import pytest
import torch

from dpm_flower.attacks import floor as module
from dpm_flower.attacks.floor import class_mean_guess, mean_guess
from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled, as_bytes
from tests.training.toys import pictures

AUXILIARY = pictures(20)
LABELS = torch.tensor([2, 0, 0, 1, 2])


def test_each_label_has_the_mean_image_of_its_class_in_order():
    found = class_mean_guess(LABELS, AUXILIARY).images
    for label, guess in zip(LABELS.tolist(), found, strict=True):
        of_class = [image for image, other in zip(AUXILIARY.images, AUXILIARY.labels.tolist(), strict=True) if other == label]
        torch.testing.assert_close(guess, torch.stack(of_class).mean(0))
    assert found.dtype == torch.float32


def test_no_other_guess_by_label_comes_nearer():
    images, labels = AUXILIARY.images, AUXILIARY.labels
    best = (class_mean_guess(labels, AUXILIARY).images - images).square().sum()
    for step in (-0.01, 0.01):
        moved = class_mean_guess(labels, AUXILIARY).images + step * torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(0))
        assert (moved - images).square().sum() > best
    assert (mean_guess(len(images), images).images - images).square().sum() > best


def test_a_class_without_images_has_the_mean_of_all():
    few = Labelled(AUXILIARY.images, AUXILIARY.labels.clamp_max(1), 4)
    found = class_mean_guess(torch.tensor([3, 2, 0]), few).images
    for guess in found[:2]:
        torch.testing.assert_close(guess, AUXILIARY.images.mean(0))
    torch.testing.assert_close(found[2], AUXILIARY.images[AUXILIARY.labels == 0].mean(0))


def test_images_of_other_classes_tell_their_mean_for_every_label():
    found = mean_guess(3, AUXILIARY.images).images
    assert found.shape == (3, *AUXILIARY.images.shape[1:])
    for guess in found:
        torch.testing.assert_close(guess, AUXILIARY.images.mean(0))


def test_bytes_are_images_and_pieces_do_not_show(monkeypatch):
    stored = Labelled(as_bytes(AUXILIARY.images), AUXILIARY.labels, 3)
    read = Labelled(stored.images / 255, stored.labels, 3)
    whole, mean = class_mean_guess(LABELS, read).images, mean_guess(2, read.images).images
    monkeypatch.setattr(module, "PIECE_IMAGES", 7)
    torch.testing.assert_close(class_mean_guess(LABELS, stored).images, whole)
    torch.testing.assert_close(mean_guess(2, stored.images).images, mean)


def test_guesses_are_images():
    white = Labelled(torch.ones(3000, 1, 2, 2), torch.zeros(3000, dtype=torch.int64), 1)
    assert float(class_mean_guess(torch.zeros(2, dtype=torch.int64), white).images.max()) == 1
    assert class_mean_guess(LABELS[:0], AUXILIARY).images.shape == (0, 3, 12, 12)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_of_other_classes_are_refused(label):
    with pytest.raises(DataError, match=rf"labels in \[0, 3\), the auxiliary images' classes, got {min(label, 0)} to {max(label, 0)}"):
        class_mean_guess(torch.tensor([0, label]), AUXILIARY)
    with pytest.raises(ShapeError, match=r"labels \(N,\), got \(1, 5\)"):
        class_mean_guess(LABELS[None], AUXILIARY)


def test_without_images_there_is_no_mean():
    empty = Labelled(AUXILIARY.images[:0], AUXILIARY.labels[:0], 3)
    with pytest.raises(DataError, match="at least one auxiliary image"):
        class_mean_guess(LABELS, empty)
    with pytest.raises(DataError, match="at least one auxiliary image"):
        mean_guess(2, empty.images)
