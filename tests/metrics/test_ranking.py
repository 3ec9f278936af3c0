import itertools

import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.ranking import ranking, wilson


def slowly(scores, right):
    """Rank-1 and mean reciprocal rank of one row, over all orders of its candidates."""
    firsts, reciprocals = [], []
    for order in itertools.permutations(range(len(scores))):
        ranked = sorted(order, key=lambda index: -scores[index])  # stable: of equals, the one that comes first in the order
        rank = ranked.index(right) + 1
        firsts.append(float(rank == 1))
        reciprocals.append(1 / rank)
    return sum(firsts) / len(firsts), sum(reciprocals) / len(reciprocals)


@pytest.mark.parametrize("kinds", [1, 2, 3, 100], ids=["all-equal", "two-scores", "three-scores", "no-ties"])
def test_it_is_the_mean_over_all_orders_of_candidates_with_the_same_score(kinds):
    rng = torch.Generator().manual_seed(kinds)
    scores = torch.randint(kinds, (12, 5), generator=rng).float()
    right = torch.randint(5, (12,), generator=rng)
    found = ranking(scores, right)
    for row in range(12):
        wanted = slowly(scores[row].tolist(), int(right[row]))
        assert (float(found.rank1[row]), float(found.average_precision[row])) == pytest.approx(wanted)


def test_every_row_has_its_own_figures():
    found = ranking(torch.tensor([[3.0, 2.0, 1.0, 0.0]] * 3), torch.tensor([0, 1, 3]))
    assert found.rank1.tolist() == [1, 0, 0]
    assert found.average_precision.tolist() == pytest.approx([1, 1 / 2, 1 / 4])
    assert found.figures == pytest.approx({"rank1": 1 / 3, "map": 7 / 12, "rank1_chance": 1 / 4, "map_chance": 25 / 48})


def test_who_has_nothing_to_say_ranks_as_chance_does_wherever_the_right_one_lies():
    for right in (0, 3, 6):
        figures = ranking(torch.zeros(4, 7), torch.full((4,), right)).figures
        assert figures["rank1"] == pytest.approx(figures["rank1_chance"]) == pytest.approx(1 / 7)
        assert figures["map"] == pytest.approx(figures["map_chance"])


def test_random_scores_rank_as_chance_does():
    rng = torch.Generator().manual_seed(0)
    figures = ranking(torch.rand(4000, 20, generator=rng), torch.randint(20, (4000,), generator=rng)).figures
    assert figures["rank1"] == pytest.approx(figures["rank1_chance"], abs=0.01)
    assert figures["map"] == pytest.approx(figures["map_chance"], abs=0.01)


def test_it_depends_on_the_order_of_scores_alone():
    rng = torch.Generator().manual_seed(0)
    scores, right = torch.rand(30, 8, generator=rng), torch.randint(8, (30,), generator=rng)
    one, other = ranking(scores, right), ranking(5 * scores.double() - 100, right)
    assert torch.equal(one.average_precision, other.average_precision)
    order = torch.randperm(8, generator=rng)
    moved = ranking(scores[:, order], order.argsort()[right])
    assert torch.equal(one.average_precision, moved.average_precision)
    assert torch.equal(one.rank1, moved.rank1)


def test_infinite_scores_are_scores():
    found = ranking(torch.tensor([[float("inf"), 0.0], [float("-inf"), 0.0]]), torch.tensor([0, 0]))
    assert found.rank1.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("scores", "right", "error", "reason"),
    [
        (torch.zeros(3), torch.zeros(3).long(), ShapeError, r"\(N,G\).*got \(3,\)"),
        (torch.zeros(3, 2), torch.zeros(2).long(), ShapeError, r"got \(3, 2\) and \(2,\)"),
        (torch.zeros(0, 2), torch.zeros(0).long(), MetricError, "got 0 and 2"),
        (torch.zeros(2, 0), torch.zeros(2).long(), MetricError, "got 2 and 0"),
        (torch.tensor([[0.0, float("nan")]]), torch.tensor([0]), MetricError, "1 that are nan"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), MetricError, r"\[0, 3\), got 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), MetricError, "got -1 to 0"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores, right, error, reason):
    with pytest.raises(error, match=reason):
        ranking(scores, right)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [  # Newcombe 1998, table I, method 3; the last two from the closed forms for none and all
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0.0, 3.8414588 / 13.8414588),
        (10, 10, 10 / 13.8414588, 1.0),
    ],
)
def test_an_interval_of_a_share_is_the_published_one(successes, count, low, high):
    assert wilson(successes / count, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("share", [0.002, 0.1, 0.5, 0.97])
def test_its_ends_are_the_shares_from_which_the_found_one_is_just_that_far(share):
    """What Wilson's interval is made from: at either end, the distance is 1.96 standard deviations of that end."""
    for end in wilson(share, 500):
        assert abs(share - end) == pytest.approx(1.959964 * (end * (1 - end) / 500) ** 0.5)


def test_its_ends_are_mirrored_hold_the_share_and_come_nearer_with_more_trials():
    low, high = wilson(0.3, 40)
    assert (1 - high, 1 - low) == pytest.approx(wilson(0.7, 40))
    for share in (0.0, 0.3, 1.0):
        (low, high), (inner_low, inner_high) = wilson(share, 40), wilson(share, 4000)
        assert 0 <= low <= inner_low <= share <= inner_high <= high <= 1
        assert high - low > 5 * (inner_high - inner_low) > 0


@pytest.mark.parametrize(("share", "count"), [(-0.01, 10), (1.01, 10), (float("nan"), 10), (0.5, 0)])
def test_what_is_no_share_has_no_interval(share, count):
    with pytest.raises(MetricError, match=rf"a share in \[0, 1\] of at least one trial, got {share} of {count}"):
        wilson(share, count)
