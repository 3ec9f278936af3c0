import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.membership import auc, balanced_accuracy, membership, tpr_at_fpr


def scores(members=40, others=120, *, apart=0.0, ties=False, seed=0):
    """Normal scores, those of members higher by `apart`; with ties, rounded."""
    rng = torch.Generator().manual_seed(seed)
    values = torch.randn(members + others, generator=rng)
    inside = torch.arange(members + others) < members
    order = torch.randperm(members + others, generator=rng)
    values = values + apart * inside
    return (values.round() if ties else values)[order], inside[order]


def slow_auc(values, inside):
    pairs = [(float(a), float(b)) for a in values[inside] for b in values[~inside]]
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


def slow_tpr(values, inside, fpr):
    """The best over all thresholds with few enough false positives."""
    best = 0.0
    for threshold in [*values.unique().tolist(), -float("inf")]:
        above = values > threshold
        if int((above & ~inside).sum()) <= fpr * int((~inside).sum()):
            best = max(best, float((above & inside).sum()) / int(inside.sum()))
    return best


def slow_balanced(values, inside):
    shares = [((values > t)[inside].float().mean(), (values <= t)[~inside].float().mean()) for t in [*values.unique(), -float("inf")]]
    return max(float(a + b) / 2 for a, b in shares)


@pytest.mark.parametrize("apart", [0.0, 1.0])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_figures_are_those_of_slow_references(apart, ties):
    values, inside = scores(apart=apart, ties=ties)
    assert auc(values, inside) == pytest.approx(slow_auc(values, inside), abs=1e-12)
    assert balanced_accuracy(values, inside) == pytest.approx(slow_balanced(values, inside), abs=1e-6)
    for fpr in (0.01, 0.05, 0.5):
        assert tpr_at_fpr(values, inside, fpr) == pytest.approx(slow_tpr(values, inside, fpr), abs=1e-6)


def test_who_tells_all_apart_has_one_and_who_says_the_same_of_all_has_chance():
    values, inside = scores(apart=100.0)
    assert auc(values, inside) == tpr_at_fpr(values, inside, 0.01) == balanced_accuracy(values, inside) == 1
    assert auc(-values, inside) == tpr_at_fpr(-values, inside, 0.01) == 0
    same = torch.zeros(len(values))
    assert (auc(same, inside), tpr_at_fpr(same, inside, 0.01), balanced_accuracy(same, inside)) == (0.5, 0.0, 0.5)


def test_noise_has_chance_within_its_intervals():
    found = membership(*scores(400, 400), torch.Generator().manual_seed(0), 400)
    assert found.auc_low < 0.5 < found.auc_high
    assert found.tpr_low < 0.01 < found.tpr_high
    assert 0.02 < found.auc_high - found.auc_low < 0.12
    assert (found.members, found.others) == (400, 400)


def test_the_interval_of_an_auc_is_as_wide_as_theory_says():
    """Hanley and McNeil (1982): without any difference the variance is (members + others + 1) / (12 members others)."""
    found = membership(*scores(200, 300), torch.Generator().manual_seed(0))
    deviation = (501 / (12 * 200 * 300)) ** 0.5
    assert found.auc_high - found.auc_low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


def test_figures_repeat_and_have_names():
    found = [membership(*scores(apart=1.0), torch.Generator().manual_seed(1), 50) for _ in range(2)]
    assert found[0] == found[1]
    assert set(found[0].figures) == {"auc", "auc_low", "auc_high", "tpr", "tpr_low", "tpr_high", "balanced_accuracy"}
    assert found[0].auc_low < found[0].figures["auc"] < found[0].auc_high


def test_a_rate_that_too_few_others_bear_is_refused():
    values, inside = scores(10, 9_999)
    with pytest.raises(MetricError, match=r"at least 10000 non-members for a false-positive rate of 0\.001, got 9999"):
        tpr_at_fpr(values, inside, 0.001)
    assert tpr_at_fpr(*scores(10, 10_000), 0.001) >= 0
    with pytest.raises(MetricError, match=r"at least 100 non-members for a false-positive rate of 0\.01, got 99"):
        tpr_at_fpr(*scores(10, 99), 0.01)
    assert tpr_at_fpr(*scores(10, 100, apart=50.0), 0.01) == 1


@pytest.mark.parametrize("figure", [auc, balanced_accuracy, lambda *given: tpr_at_fpr(*given, 0.5)], ids=["auc", "balanced", "tpr"])
def test_what_is_no_score_is_refused(figure):
    values, inside = scores()
    with pytest.raises(ShapeError, match="wanted scores"):
        figure(values[:-1], inside)
    with pytest.raises(ShapeError, match="int64"):
        figure(values, inside.long())
    with pytest.raises(MetricError, match="finite scores, got 160 that are not"):
        figure(values * float("nan"), inside)
    with pytest.raises(MetricError, match="got 160 and 0"):
        figure(values, torch.ones_like(inside))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(MetricError, match=r"lies in \(0, 1\), got 1"):
        tpr_at_fpr(*scores(), 1.0)
    with pytest.raises(MetricError, match="at least 2 replicates, got 1"):
        membership(*scores(), torch.Generator(), 1)
