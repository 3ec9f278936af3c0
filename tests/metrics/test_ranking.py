import itertools

import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.ranking import ranking


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
