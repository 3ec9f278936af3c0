import torch

from dpm_flower.data import repeats
from dpm_flower.data.repeats import distinct, image_digests
from tests.data.made import numbered_images


def test_digests_are_equal_where_eight_bits_are():
    image = torch.rand(1, 3, 11, 11, generator=torch.Generator().manual_seed(0)).mul(255).round().div(255)
    nearly, other = image.clone(), image.clone()
    nearly[0, 0, 0, 0] += 0.4 / 255 if image[0, 0, 0, 0] < 0.5 else -0.4 / 255
    other[0, 2, 10, 10] += 1 / 255 if image[0, 2, 10, 10] < 0.5 else -1 / 255
    first, second, third = image_digests(torch.cat((image, nearly, other)))
    assert first == second != third


def test_pieces_do_not_show(monkeypatch):
    images = numbered_images(torch.arange(7))
    whole = image_digests(images)
    monkeypatch.setattr(repeats, "PIECE_IMAGES", 3)
    assert image_digests(images) == whole


def test_first_copies_stay_and_test_images_go():
    train, test = numbered_images(torch.tensor([5, 1, 5, 2, 9, 9, 1, 5])), numbered_images(torch.tensor([9, 4]))
    found = distinct(train, test)
    assert found.kept.tolist() == [0, 1, 3]
    assert (found.repeats_in_train, found.repeats_of_test) == (3, 2)


def test_nothing_may_be_left():
    same = numbered_images(torch.tensor([1]))
    assert distinct(same, same).kept.tolist() == []
