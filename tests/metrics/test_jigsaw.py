import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.jigsaw import neighbour_accuracy, neighbour_accuracy_by_chance, patch_accuracy, patch_accuracy_by_chance

PATCHES = torch.rand(1, 9, 3, 2, 2, generator=torch.Generator().manual_seed(0))


def ordered(*order):
    return PATCHES[:, list(order)]


def test_a_solved_puzzle_has_everything_right():
    assert patch_accuracy(PATCHES, PATCHES).tolist() == neighbour_accuracy(PATCHES, PATCHES).tolist() == [1.0]


def test_direct_comparison_counts_places_and_neighbours_count_pairs_in_their_direction():
    moved = ordered(1, 2, 0, 4, 5, 3, 7, 8, 6)  # each row one place to the left
    assert patch_accuracy(PATCHES, moved).tolist() == [0.0]
    assert neighbour_accuracy(PATCHES, moved).tolist() == [pytest.approx((3 + 6) / 12)]
    swapped = ordered(1, 0, 2, 3, 4, 5, 6, 7, 8)
    assert patch_accuracy(PATCHES, swapped).tolist() == [pytest.approx(7 / 9)]
    assert neighbour_accuracy(PATCHES, swapped).tolist() == [pytest.approx((4 + 4) / 12)]


def test_a_mirrored_or_turned_puzzle_is_not_solved():
    assert neighbour_accuracy(PATCHES, ordered(2, 1, 0, 5, 4, 3, 8, 7, 6)).tolist() == [0.5]  # columns stay
    assert neighbour_accuracy(PATCHES, ordered(8, 7, 6, 5, 4, 3, 2, 1, 0)).tolist() == [0.0]
    assert neighbour_accuracy(PATCHES, ordered(0, 3, 6, 1, 4, 7, 2, 5, 8)).tolist() == [0.0]


def test_patches_that_look_the_same_may_change_places():
    truth = PATCHES.clone()
    truth[:, 1] = truth[:, 0]
    guess = truth[:, [1, 0, 2, 3, 4, 5, 6, 7, 8]]
    assert patch_accuracy(truth, guess).tolist() == neighbour_accuracy(truth, guess).tolist() == [1.0]


@pytest.mark.parametrize("patches", [4, 9, 16])
def test_chance_is_what_random_orders_come_to(patches):
    truth = torch.arange(patches, dtype=torch.float32).view(1, patches, 1).expand(4000, -1, -1)
    rng = torch.Generator().manual_seed(1)
    guess = torch.stack([torch.randperm(patches, generator=rng) for _ in range(4000)]).float().unsqueeze(2)
    for score, chance in ((patch_accuracy, patch_accuracy_by_chance), (neighbour_accuracy, neighbour_accuracy_by_chance)):
        scores = score(truth[:1].expand(4000, -1, -1), guess)
        assert float(scores.mean()) == pytest.approx(chance(patches), abs=4 * float(scores.std()) / 4000**0.5)


def test_images_are_scored_one_by_one():
    both = torch.cat([PATCHES, ordered(1, 0, 2, 3, 4, 5, 6, 7, 8)])
    assert patch_accuracy(PATCHES.expand(2, -1, -1, -1, -1), both).tolist() == [1.0, pytest.approx(7 / 9)]


def test_what_is_no_puzzle_is_refused():
    for score in (patch_accuracy, neighbour_accuracy):
        with pytest.raises(ShapeError, match="of one shape"):
            score(PATCHES, PATCHES[:, :4])
        with pytest.raises(MetricError, match="fill a square"):
            score(PATCHES[:, :6], PATCHES[:, :6])
        with pytest.raises(MetricError, match="at least 4"):
            score(PATCHES[:, :1], PATCHES[:, :1])
        with pytest.raises(MetricError, match="at least one image"):
            score(PATCHES[:0], PATCHES[:0])
