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


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.floats(0, 1), st.integers(0, 99))
def test_groups_of_one_are_split_as_images_are(counts, fraction, seed):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    count = int(fraction * len(order))
    grouped, plain = stratified_split(order, labels, count, torch.arange(len(labels))), stratified_split(order, labels, count)
    assert [part.tolist() for part in grouped] == [part.tolist() for part in plain]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 80), st.integers(2, 12), st.floats(0, 1), st.integers(0, 999))
def test_groups_stay_whole_and_the_number_is_near(images, number, fraction, seed):
    rng = torch.Generator().manual_seed(seed)
    labels, groups = torch.randint(0, 3, (images,), generator=rng), torch.randint(0, number, (images,), generator=rng)
    order, count = torch.randperm(images, generator=rng), int(fraction * images)
    chosen, rest = stratified_split(order, labels, count, groups)
    assert sorted(torch.cat((chosen, rest)).tolist()) == list(range(images))
    assert not torch.isin(groups[chosen], groups[rest]).any()
    sizes, several = torch.bincount(groups), len(groups.unique()) > 1
    assert len(chosen) == count if count in (0, images) else not several or min(len(chosen), len(rest)) > 0
    only_so_as_not_to_be_empty = int(sizes[sizes > 0].min()) in (len(chosen), len(rest))
    assert abs(len(chosen) - count) <= int(sizes.max()) / 2 or only_so_as_not_to_be_empty


def test_what_groups_of_one_class_give_too_little_those_of_the_next_give_more():
    labels = torch.arange(10).repeat_interleave(20)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    assert len(stratified_split(order, labels, 40, torch.arange(200) // 10)[0]) == 40  # four of each class, in groups of ten


def test_groups_of_one_class_are_split_with_the_mix_of_the_whole():
    labels = torch.arange(4).repeat_interleave(300)
    groups = labels * 60 + torch.arange(1200) % 60  # five images each
    order = torch.randperm(1200, generator=torch.Generator().manual_seed(0))
    chosen, _ = stratified_split(order, labels, 240, groups)
    assert torch.bincount(labels[chosen]).tolist() == [60] * 4


def test_nothing_is_split_into_nothing():
    none = torch.zeros(0, dtype=torch.int64)
    assert [len(part) for part in stratified_split(none, torch.arange(3), 0, torch.arange(3))] == [0, 0]
