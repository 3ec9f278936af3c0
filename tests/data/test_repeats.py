import gc

import pytest
import torch

from dpm_flower.data import repeats
from dpm_flower.data.repeats import distinct, distinct_in
from tests.data.made import numbered_images, numbered_set


def slowly(train, test):
    """Which training images stay, one comparison after the other."""
    kept = []
    for index, image in enumerate(train):
        others = [*(train[earlier] for earlier in kept), *test]
        if not any(torch.equal(image, other) for other in others):
            kept.append(index)
    return kept


def test_first_copies_stay_and_test_images_go():
    train, test = numbered_images(torch.tensor([5, 1, 5, 2, 9, 9, 1, 5])), numbered_images(torch.tensor([9, 4]))
    found = distinct(train, test)
    assert found.kept.tolist() == [0, 1, 3]
    assert found.kept.dtype == torch.int64
    assert (found.repeats_in_train, found.repeats_of_test) == (3, 2)


@pytest.mark.parametrize("shape", [(3, 3, 3), (1, 2, 4), (3, 1, 1)])  # rows that are no whole number of words, and ones that are
def test_what_stays_is_what_a_slow_comparison_keeps(shape):
    rng = torch.Generator().manual_seed(0)
    different = torch.randint(0, 256, (12, *shape), dtype=torch.uint8, generator=rng)
    train, test = (different[torch.randint(0, 12, (count,), generator=rng)] for count in (30, 3))
    found = distinct(train, test)
    assert found.kept.tolist() == slowly(train, test)
    assert len(found.kept) + found.repeats_in_train + found.repeats_of_test == len(train)


def test_equal_sums_of_different_images_do_not_deceive(monkeypatch):
    images = numbered_images(torch.tensor([3, 1, 3, 2, 7]))
    expected = distinct(images, images[4:])
    monkeypatch.setattr(repeats, "_sums", lambda images: torch.zeros(len(images), dtype=torch.int64).numpy())
    found = distinct(images, images[4:])
    assert found.kept.tolist() == expected.kept.tolist() == [0, 1, 3]
    assert (found.repeats_in_train, found.repeats_of_test) == (1, 1)


def test_a_single_different_bit_anywhere_is_another_image():
    image = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    others = image.repeat(48, 1, 1, 1)
    others.view(48, 48)[range(48), range(48)] = 128  # the highest bit of every byte in turn
    assert len(distinct(torch.cat((image, others)), image).kept) == 48


def test_floats_are_equal_where_their_eight_bits_are():
    image = torch.rand(1, 3, 11, 11, generator=torch.Generator().manual_seed(0)).mul(255).round().div(255)
    nearly, other = image.clone(), image.clone()
    nearly[0, 0, 0, 0] += 0.4 / 255 if image[0, 0, 0, 0] < 0.5 else -0.4 / 255
    other[0, 2, 10, 10] += 1 / 255 if image[0, 2, 10, 10] < 0.5 else -1 / 255
    assert distinct(torch.cat((nearly, other)), image).kept.tolist() == [1]


def test_pieces_do_not_show(monkeypatch):
    images = numbered_images(torch.tensor([0, 1, 2, 1, 4, 0, 6]))
    whole = distinct(images, images[:0])
    monkeypatch.setattr(repeats, "PIECE_IMAGES", 3)
    assert distinct(images, images[:0]).kept.tolist() == whole.kept.tolist() == [0, 1, 2, 4, 6]


def test_nothing_may_be_left():
    same = numbered_images(torch.tensor([1]))
    assert distinct(same, same).kept.tolist() == []


def test_what_was_found_goes_with_its_data_set():
    dataset = numbered_set([3, 3], [1, 1])
    found = distinct_in(dataset)
    assert torch.equal(found.kept, distinct(dataset.train.images, dataset.test.images).kept)
    assert distinct_in(dataset) is found
    before = len(repeats._found)
    del dataset
    gc.collect()
    assert len(repeats._found) < before
