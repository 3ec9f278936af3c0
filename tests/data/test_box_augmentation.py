import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.data.box_augmentation import flipped, mirrored

HEIGHT, WIDTH = 6, 9


def batch(seed, count=5):
    """Images of random bytes, each with up to three boxes whose corners are whole numbers."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, HEIGHT, WIDTH), generator=rng, dtype=torch.uint8)
    boxes = []
    for _ in range(count):
        many = int(torch.randint(4, (1,), generator=rng))
        start = torch.stack([torch.randint(length, (many,), generator=rng) for length in (WIDTH, HEIGHT)], 1)
        end = torch.stack([torch.randint(length, (many,), generator=rng) for length in (WIDTH, HEIGHT)], 1)
        boxes.append(torch.cat([torch.minimum(start, end), torch.maximum(start, end) + 1], 1).float())
    return images, tuple(boxes)


def contents(images, boxes):
    """What is in each box, as a set of pixels, which no flip changes."""
    return [
        [sorted(map(tuple, image[:, int(y0) : int(y1), int(x0) : int(x1)].flatten(1).T.tolist())) for x0, y0, x1, y1 in own.tolist()]
        for image, own in zip(images, boxes, strict=True)
    ]


def choice(seed, count=5):
    return torch.rand(2, count, generator=torch.Generator().manual_seed(seed)) < 0.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_in_a_box_stays_in_it_and_flipping_twice_changes_nothing(seed, turns):
    images, boxes = batch(seed)
    across, down = choice(turns)
    turned, moved = mirrored(images, boxes, across, down)
    assert contents(turned, moved) == contents(images, boxes)
    assert all(bool((each[:, :2] < each[:, 2:]).all() & (each >= 0).all()) for each in moved)
    back, home = mirrored(turned, moved, across, down)
    assert torch.equal(back, images)
    assert all(torch.equal(*pair) for pair in zip(home, boxes, strict=True))


def test_each_image_has_a_choice_of_its_own():
    images, boxes = batch(3, 4)
    across, down = torch.tensor([False, True, False, True]), torch.tensor([False, False, True, True])
    turned, moved = mirrored(images, boxes, across, down)
    for row, dims in enumerate(((), (2,), (1,), (1, 2))):
        assert torch.equal(turned[row], images[row].flip(dims))
        assert moved[row].shape == boxes[row].shape
    assert moved[0].tolist() == boxes[0].tolist()


def test_the_stream_decides_and_all_four_turns_come():
    images, boxes = batch(1, 200)
    one, again = (flipped(images, boxes, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one[0], again[0])
    assert all(torch.equal(*pair) for pair in zip(one[1], again[1], strict=True))
    assert not torch.equal(one[0], flipped(images, boxes, torch.Generator().manual_seed(6))[0])
    shares = [
        sum(torch.equal(new, old.flip(dims)) for new, old in zip(one[0], images, strict=True)) / 200 for dims in ((), (2,), (1,), (1, 2))
    ]
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) > 0.15


def test_floats_are_flipped_as_bytes_are():
    images, boxes = batch(2)
    as_bytes, as_floats = (flipped(each, boxes, torch.Generator().manual_seed(0))[0] for each in (images, images.float()))
    assert torch.equal(as_bytes.float(), as_floats)
