import pytest
import torch

from dpm_flower.attacks import assembly
from dpm_flower.attacks.assembly import GROWING_BYTES, assembled, pictures_at_once, total_fit
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.streams import stream
from dpm_flower.nets.patches import fresh_orders


def puzzle(columns, seed=0):
    """Fits of shuffled patches of three pictures, 1 for true neighbours, and where each patch belongs: patch k at place `order`[k]."""
    count = columns * columns
    order = fresh_orders(3, count, stream(seed))
    row, column = order // columns, order % columns
    same_row, next_column = row[:, :, None] == row[:, None], column[:, :, None] + 1 == column[:, None]
    same_column, next_row = column[:, :, None] == column[:, None], row[:, :, None] + 1 == row[:, None]
    return (same_row & next_column).float(), (same_column & next_row).float(), order


@pytest.mark.parametrize("columns", [2, 3, 4, 6])
@pytest.mark.parametrize("starts", [1, 5, 50])
def test_a_puzzle_whose_fits_are_right_is_solved_from_any_start(columns, starts):
    right, below, order = puzzle(columns)
    assert torch.equal(assembled(right, below, starts), order.argsort(1))


def test_every_patch_is_used_once_whatever_the_fits():
    right, below = torch.rand(2, 4, 16, 16, generator=stream(0))
    assert torch.equal(assembled(right, below, 3).sort(1).values, torch.arange(16).expand(4, 16))


def test_more_starts_find_pictures_that_fit_no_worse():
    right, below = torch.rand(2, 6, 16, 16, generator=stream(2))
    fits = [total_fit(right, below, assembled(right, below, starts)) for starts in (1, 4, 16)]
    assert bool((fits[0] <= fits[1]).all())
    assert bool((fits[1] <= fits[2]).all())
    assert float((fits[2] - fits[0]).max()) > 0


def test_the_fit_of_a_picture_is_the_sum_over_its_neighbours():
    right, below = torch.rand(2, 2, 9, 9, generator=stream(0))
    order = fresh_orders(2, 9, stream(1))
    for image in range(2):
        grid, total = order[image].view(3, 3), 0.0
        for row in range(3):
            for column in range(3):
                if column < 2:
                    total += float(right[image, grid[row, column], grid[row, column + 1]])
                if row < 2:
                    total += float(below[image, grid[row, column], grid[row + 1, column]])
        assert float(total_fit(right, below, order)[image]) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("at_once", [1, 4, 7])
def test_how_many_grow_at_a_time_changes_nothing(monkeypatch, at_once):
    right, below = torch.rand(2, 3, 16, 16, generator=stream(0))
    whole, sizes, grown = assembled(right, below, 5), [], assembly._grown

    def watched(right, below, columns, first):
        sizes.append(len(first))
        return grown(right, below, columns, first)

    monkeypatch.setattr(assembly, "GROWING_BYTES", at_once * 4 * 81 * 16)
    monkeypatch.setattr(assembly, "_grown", watched)
    assert torch.equal(assembled(right, below, 5), whole)
    assert (max(sizes), sum(sizes)) == (at_once, 15)


@pytest.mark.parametrize("columns", [4, 8, 16, 24])
def test_pictures_that_grow_side_by_side_keep_within_memory(columns):
    """A plane of each is twice as wide as the picture, with a rim, and knows for each cell how well every patch would fit there."""
    of_one = (2 * columns + 1) ** 2 * columns**2 * 4
    assert GROWING_BYTES - of_one < pictures_at_once(columns) * of_one <= GROWING_BYTES


def test_a_picture_that_is_too_large_grows_alone():
    assert pictures_at_once(64) == 1


def test_what_is_no_square_is_refused():
    with pytest.raises(ShapeError, match="fill a square"):
        assembled(torch.rand(1, 6, 6), torch.rand(1, 6, 6), 1)
    with pytest.raises(ShapeError, match="fill a square"):
        assembled(torch.rand(1, 4, 4), torch.rand(1, 9, 9), 1)
