import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.data.stratified import apportion, stratified_split

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(lambda counts: sum(counts) > 0)


@settings(max_examples=200, deadline=None)
@given(COUNTS, st.floats(0, 1))
def test_parts_add_up_stay_near_their_quota_and_below_their_weight(weights, fraction):
    total = int(fraction * sum(weights))
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))
    assert all(abs(part - total * weight / sum(weights)) < 1 + 1e-6 for part, weight in zip(parts, weights, strict=True))


def test_shares_that_add_up_to_one_use_everything():
    shares = [0.1, 0.2, 0.7]  # whose sum in floating point is below 1
    assert apportion(10, [*shares, max(0.0, 1 - sum(shares))]) == [1, 2, 7, 0]


def test_ties_go_to_the_earlier():
    assert apportion(5, [1, 1, 1]) == [2, 2, 1]


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.floats(0, 1), st.integers(0, 99))
def test_a_split_equals_the_slow_one(counts, fraction, seed):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[: max(1, 2 * len(order) // 3)]  # a part of the labels only
    count = int(fraction * len(order))
    available = torch.bincount(labels[order], minlength=len(counts)).tolist()
    left = apportion(count, available)
    chosen, rest = [], []
    for index in order.tolist():
        wanted = left[int(labels[index])] > 0
        (chosen if wanted else rest).append(index)
        left[int(labels[index])] -= wanted
    fast_chosen, fast_rest = stratified_split(order, labels, count)
    assert (fast_chosen.tolist(), fast_rest.tolist()) == (chosen, rest)
