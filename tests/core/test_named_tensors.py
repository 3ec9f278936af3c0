import torch

from dpm_flower.core.named_tensors import below


def test_names_lose_the_prefix_once_and_others_are_left_out():
    first, second, other = (torch.tensor(number) for number in range(3))
    found = below({"b.b.x": first, "bb.x": other, "b.a": second, "a.b.x": other, "b": other}, "b.")
    assert list(found.items()) == [("b.x", first), ("a", second)]
