from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.data.partition_groups import groups_in_order, single_images

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_groups_equal_the_slow_ones(pairs):
    values, labels = (torch.tensor(column) for column in zip(*pairs, strict=True))
    found = groups_in_order(values, labels)
    order = list(dict.fromkeys(values.tolist()))
    assert found.of_image.tolist() == [order.index(value) for value in values.tolist()]
    counts = [Counter(label for value, label in pairs if value == group) for group in order]
    assert found.sizes.tolist() == [count.total() for count in counts]
    assert found.labels.tolist() == [min(count, key=lambda label, count=count: (-count[label], label)) for count in counts]
    assert found.pure == all(len(count) == 1 for count in counts)


def test_single_images_are_groups_of_one():
    labels = torch.tensor([2, 0, 2])
    single, grouped = single_images(labels), groups_in_order(torch.tensor([7, 1, 4]), labels)
    for name in ("of_image", "labels", "sizes"):
        assert torch.equal(getattr(single, name), getattr(grouped, name))
    assert single.pure
    assert grouped.pure
