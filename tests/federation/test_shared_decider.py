"""The shared decider's average: equal to a slow reference, blind to order, and bounded in what one entity can do to it."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dpm_flower.federation.shared_decider import LONGEST_UPDATE, averaged

BEFORE = {"w": torch.linspace(-1, 1, 6).reshape(2, 3), "b": torch.zeros(2), "num_batches_tracked": torch.tensor(10)}


def _update(seed: int, scale: float = 1.0) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    moved = {name: BEFORE[name] + scale * torch.randn(BEFORE[name].shape, generator=rng) for name in ("w", "b")}
    return moved | {"num_batches_tracked": torch.tensor(10 + seed)}


def _slow(updates: dict[str, tuple[dict[str, Tensor], int]]) -> dict[str, list[float]]:
    total = sum(samples for _, samples in updates.values())
    return {
        name: [
            sum(float(tensors[name].flatten()[place]) * samples for tensors, samples in updates.values()) / total
            for place in range(BEFORE[name].numel())
        ]
        for name in BEFORE
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=5))
def test_it_is_the_mean_weighted_by_samples(samples: list[int]) -> None:
    updates = {f"e{seed}": (_update(seed), weight) for seed, weight in enumerate(samples)}
    average = averaged(BEFORE, updates)
    if average.remarks:
        return  # a random update was shortened: another property
    for name, values in _slow(updates).items():
        got = average.tensors[name].flatten().double()
        torch.testing.assert_close(got, torch.tensor(values, dtype=torch.float64), atol=0.51 if name.startswith("num") else 1e-6, rtol=1e-6)


def test_the_order_of_replies_changes_no_bit() -> None:
    before = {"w": BEFORE["w"].double(), "b": BEFORE["b"]}  # in double precision no rounding hides the order of a sum
    updates = {
        name: ({part: before[part] + _update(seed, scale)[part] for part in before}, samples)
        for seed, (name, scale, samples) in enumerate((("a", 1e3, 7), ("b", 1e-3, 3), ("c", 1.0, 11), ("d", 1e6, 2)))
    }
    results = set()
    for order in itertools.permutations(updates):
        average = averaged(before, {name: updates[name] for name in order})
        results.add((average.remarks, *(tensor.numpy().tobytes() for tensor in average.tensors.values())))
    assert len(results) == 1


def test_the_order_of_tensors_changes_no_bit() -> None:
    rng = torch.Generator().manual_seed(0)
    big = {f"w{number}": torch.randn(7, generator=rng, dtype=torch.float64) for number in range(60)}
    updates = {"a": ({name: tensor * 1.1 for name, tensor in big.items()}, 1), "b": ({n: t * 7 for n, t in big.items()}, 1)}
    updates["c"] = ({name: tensor * 50 for name, tensor in big.items()}, 3)
    one = averaged(big, updates)
    assert one.remarks  # it was shortened, by a length that is a sum over all tensors
    for step in (7, 11, 13, 17, 59):
        turned = {f"w{number * step % 60}": big[f"w{number * step % 60}"] for number in range(60)}
        other = averaged(turned, updates)
        assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in big)
        assert one.remarks == other.remarks


def test_types_stay_and_counters_are_whole() -> None:
    average = averaged(BEFORE, {"a": (_update(1), 1), "b": (_update(2), 1), "c": (_update(4), 1)})
    assert {name: tensor.dtype for name, tensor in average.tensors.items()} == {name: tensor.dtype for name, tensor in BEFORE.items()}
    assert int(average.tensors["num_batches_tracked"]) == 12  # 11, 12, 14
    assert average.tensors["num_batches_tracked"].shape == ()


def test_the_tensors_of_before_are_not_written_to() -> None:
    before = {name: tensor.clone() for name, tensor in BEFORE.items()}
    averaged(BEFORE, {"a": (_update(1), 1)})
    assert all(torch.equal(before[name], BEFORE[name]) for name in BEFORE)


@pytest.mark.parametrize(
    ("tensors", "samples", "reason"),
    [
        (_update(9) | {"w": torch.full((2, 3), float("nan"))}, 5, "w is not finite"),
        (_update(9) | {"b": torch.tensor([0.0, float("inf")])}, 5, "b is not finite"),
        (_update(9) | {"w": torch.zeros(3, 2)}, 5, "wanted w of torch.float32 (2, 3), got torch.float32 (3, 2)"),
        (_update(9) | {"w": torch.zeros(2, 3, dtype=torch.float64)}, 5, "wanted w of torch.float32 (2, 3), got torch.float64 (2, 3)"),
        (_update(9) | {"num_batches_tracked": torch.tensor(11.0)}, 5, "of torch.int64 (), got torch.float32 ()"),
        (_update(9) | {"more": torch.zeros(1)}, 5, "other names"),
        ({"w": torch.zeros(2, 3)}, 5, "other names"),
        (_update(9), 0, "0 samples"),
        (_update(9), -3, "-3 samples"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_remark(tensors: dict[str, Tensor], samples: int, reason: str) -> None:
    sound = {"a": (_update(1), 2), "c": (_update(2), 3)}
    average = averaged(BEFORE, {**sound, "b": (tensors, samples)})
    assert all(torch.equal(average.tensors[name], averaged(BEFORE, sound).tensors[name]) for name in BEFORE)
    ((entity, told),) = average.remarks
    assert entity == "b"
    assert told.startswith("was left out: ")
    assert reason in told


def test_a_variance_below_zero_is_left_out() -> None:
    before = {"norm.running_var": torch.ones(2)}
    average = averaged(before, {"a": ({"norm.running_var": torch.tensor([1.0, -0.1])}, 1)})
    assert torch.equal(average.tensors["norm.running_var"], torch.ones(2))
    assert "variances below zero" in average.remarks[0][1]


def test_without_a_sound_update_all_stays_as_it_was() -> None:
    average = averaged(BEFORE, {"a": ({}, 1)})
    assert average.tensors is BEFORE
    assert averaged(BEFORE, {}).remarks == ()


@pytest.mark.parametrize("boost", [10.0, 1e4, 1e30])
def test_a_boosted_update_is_shortened_to_three_times_the_median(boost: float) -> None:
    before = {"w": torch.zeros(4)}
    honest = {name: ({"w": torch.eye(4)[place]}, 1) for place, name in enumerate("abc")}
    average = averaged(before, {**honest, "z": ({"w": boost * torch.eye(4)[3]}, 1)})
    assert average.tensors["w"].tolist() == pytest.approx([0.25, 0.25, 0.25, 0.25 * LONGEST_UPDATE])
    assert average.remarks == (("z", "was shortened to three times the median length"),)


def test_an_update_of_twice_the_usual_length_stays() -> None:
    before = {"w": torch.zeros(4)}
    updates = {name: ({"w": torch.eye(4)[place] * (1 + (name == "c"))}, 1) for place, name in enumerate("abc")}
    assert averaged(before, updates).remarks == ()


def test_what_nobody_trained_stays_as_it_is_bit_for_bit() -> None:
    fixed = torch.randn(40, 7, generator=torch.Generator().manual_seed(9))
    updates = {f"e{seed}": (_update(seed) | {"head.anchors": fixed.clone()}, 3 + 2 * seed) for seed in range(4)}
    average = averaged(BEFORE | {"head.anchors": fixed}, updates)
    assert torch.equal(average.tensors["head.anchors"], fixed)
    assert not torch.equal(average.tensors["w"], BEFORE["w"])


@pytest.mark.parametrize("claimed", [10**15, 2**80, 41])
def test_no_update_weighs_more_than_it_may_whatever_it_claims(claimed: int) -> None:
    updates = {"a": (_update(1), 10), "b": (_update(2), 30), "c": (_update(3), 20)}
    liar = averaged(BEFORE, updates | {"b": (updates["b"][0], claimed)}, {"a": 10, "b": 30})
    honest = averaged(BEFORE, updates, {"a": 10, "b": 30})
    assert all(torch.equal(liar.tensors[name], honest.tensors[name]) for name in BEFORE)
    assert liar.remarks == (("b", f"claimed {claimed} samples and weighs 30"),)
    assert honest.remarks == ()


def _with_statistics(seed: int, weights: float, statistics: float) -> dict[str, Tensor]:
    """Weights and statistics moved by these lengths, each in a direction of its own."""
    moved = {"w": weights * torch.eye(4)[seed], "norm.running_mean": statistics * torch.eye(4)[seed]}
    return moved | {"norm.running_var": torch.ones(4)}


STILL = {"w": torch.zeros(4), "norm.running_mean": torch.zeros(4), "norm.running_var": torch.ones(4)}


def test_statistics_in_large_units_hide_no_boosted_weights() -> None:
    """Activations move by hundreds and weights by one: in one length, weights that moved by a hundred would not show."""
    updates = {name: (_with_statistics(place, 1.0, 300.0), 1) for place, name in enumerate("abc")}
    average = averaged(STILL, {**updates, "z": (_with_statistics(3, 100.0, 300.0), 1)})
    assert average.tensors["w"].tolist() == pytest.approx([0.25, 0.25, 0.25, 0.25 * LONGEST_UPDATE])
    assert average.tensors["norm.running_mean"].tolist() == pytest.approx([75.0] * 4)
    assert average.remarks == (("z", "was shortened to three times the median length"),)


def test_boosted_statistics_are_shortened_on_their_own() -> None:
    updates = {name: (_with_statistics(place, 1.0, 2.0), 1) for place, name in enumerate("abc")}
    average = averaged(STILL, {**updates, "z": (_with_statistics(3, 1.0, 1e6), 1)})
    assert average.tensors["w"].tolist() == pytest.approx([0.25] * 4)
    assert average.tensors["norm.running_mean"].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5 * LONGEST_UPDATE])
    assert average.remarks == (("z", "was shortened to three times the median length of statistics"),)
