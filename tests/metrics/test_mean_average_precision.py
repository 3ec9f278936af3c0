import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.mean_average_precision import mean_average_precision

NAMES = ("Bald", "Male", "Young")


def plain_average_precision(scores, truth):
    """The mean of the precision at each image that has the attribute, for scores of which no two are equal."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    hits, precisions = 0, []
    for rank, place in enumerate(order, 1):
        hits += int(truth[place])
        precisions += [hits / rank] if truth[place] else []
    return sum(precisions) / len(precisions)


def drawn(count=40, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=rng), (torch.rand(count, 3, generator=rng) < 0.3).to(torch.uint8)


def test_it_is_the_mean_of_the_precision_at_each_image_that_has_the_attribute():
    scores, truth = drawn()
    found = mean_average_precision(scores, truth, NAMES)
    wanted = [plain_average_precision(scores[:, a].tolist(), truth[:, a].tolist()) for a in range(3)]
    assert list(found.by_attribute) == list(NAMES)
    assert list(found.by_attribute.values()) == pytest.approx(wanted)
    assert found.mean == pytest.approx(sum(wanted) / 3)


def test_who_knows_everything_has_one_and_who_knows_nothing_has_what_chance_says():
    _, truth = drawn()
    assert mean_average_precision(truth.float(), truth, NAMES).mean == 1.0
    found = mean_average_precision(torch.zeros(40, 3), truth, NAMES)
    assert found.mean == pytest.approx(found.chance)
    assert list(found.by_chance.values()) == pytest.approx(truth.float().mean(0).tolist())


def test_only_the_order_of_the_scores_counts():
    scores, truth = drawn()
    one, other = (mean_average_precision(each, truth, NAMES) for each in (scores, scores.sigmoid()))
    assert one.by_attribute == pytest.approx(other.by_attribute)


@pytest.mark.parametrize("value", [0, 1])
def test_an_attribute_of_one_value_only_is_left_out_and_named(value):
    scores, truth = drawn()
    whole = mean_average_precision(scores, truth, NAMES)
    truth[:, 1] = value
    found = mean_average_precision(scores, truth, NAMES)
    assert found.left_out == ("Male",)
    assert whole.left_out == ()
    assert found.mean == pytest.approx((whole.by_attribute["Bald"] + whole.by_attribute["Young"]) / 2)


def test_what_cannot_be_judged_is_refused():
    scores, truth = drawn()
    with pytest.raises(MetricError, match="none among Bald, Male, Young"):
        mean_average_precision(scores, torch.zeros_like(truth), NAMES)
    with pytest.raises(MetricError, match="wanted finite scores, got 1"):
        mean_average_precision(scores.clone().index_put_((torch.tensor(0), torch.tensor(0)), torch.tensor(float("nan"))), truth, NAMES)
    with pytest.raises(MetricError, match="attributes of 0 and 1, got"):
        mean_average_precision(scores, truth * 255, NAMES)
    for other in (scores[:, :2], scores[:5], scores[:, 0]):
        with pytest.raises(ShapeError, match=r"wanted scores and attributes \(N,3\)"):
            mean_average_precision(other, truth, NAMES)
