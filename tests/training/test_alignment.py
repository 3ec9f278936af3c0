import math

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.training.alignment import SCALES, discrepancy, drawn_of, train_substitute
from tests.training.toys import CPU, equal, interrupting, state_of

FITTING = Fitting(steps=60, learning_rate=0.05, batch_size=24, weight_decay=0.0)


def sample(count=12, values=5, seed=0):
    return torch.randn(count, values, generator=torch.Generator().manual_seed(seed))


def by_hand(ours, theirs, labels):
    """As `discrepancy`, pair by pair."""
    count = len(labels)
    apart = sorted(float((theirs[i] - theirs[j]).square().sum()) for i in range(count) for j in range(count) if i != j)
    width = apart[(len(apart) - 1) // 2] if apart else 1.0

    def kernel(one, other):
        return sum(math.exp(-float((one - other).square().sum()) / (scale * width)) for scale in SCALES)

    pairs = [(i, j) for i in range(count) for j in range(count) if labels[i] == labels[j]]
    terms = [kernel(ours[i], ours[j]) + kernel(theirs[i], theirs[j]) - 2 * kernel(ours[i], theirs[j]) for i, j in pairs]
    return sum(terms) / len(pairs)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_discrepancy_is_what_it_is_by_hand(count):
    ours, theirs, labels = sample(count), sample(count, seed=1) + 1, torch.arange(count) % 3
    assert float(discrepancy(ours, theirs, labels)) == pytest.approx(by_hand(ours, theirs, labels), abs=1e-4)


def test_equal_samples_have_none_and_others_have_more_the_further_they_are():
    ours, labels = sample(), torch.arange(12) % 3
    assert float(discrepancy(ours, ours, labels)) == pytest.approx(0, abs=1e-6)
    apart = [float(discrepancy(ours, sample(seed=1) + shift, labels)) for shift in (0.0, 1.0, 2.0)]
    assert 0 < apart[0] < apart[1] < apart[2]


def test_samples_that_are_alike_only_if_classes_are_forgotten_are_not_alike():
    ours = torch.cat([sample(6), sample(6, seed=1) + 3])
    assert float(discrepancy(ours, ours.roll(6, 0), torch.zeros(12).long())) == pytest.approx(0, abs=1e-6)
    assert float(discrepancy(ours, ours.roll(6, 0), torch.arange(12) // 6)) > 0.5


def test_released_images_are_drawn_from_the_wanted_classes_and_each_of_them_may_be():
    labels = torch.tensor([4, 0, 0, 2, 4, 0, 2])
    wanted = torch.tensor([0, 4, 2] * 40)
    drawn = drawn_of(wanted, labels, stream(0))
    assert torch.equal(labels[drawn], wanted)
    assert set(drawn.tolist()) == set(range(7))


def test_for_a_class_that_was_not_released_any_image_is_drawn():
    labels = torch.tensor([4, 0, 2])
    for absent in (1, 3, 5):
        assert set(drawn_of(torch.full((60,), absent), labels, stream(0)).tolist()) == {0, 1, 2}


class Scaled(nn.Module):
    """Features times one number for each channel, which begins at one."""

    def __init__(self):
        super().__init__()
        self.factors = nn.Parameter(torch.ones(2, 1, 1))

    def forward(self, features):
        return features * self.factors


def made(count, seed, factors=(1.0, 1.0)):
    """Features (N,2,3,3) of three classes, each with a size of its own."""
    labels = torch.arange(count) % 3
    values = torch.rand(count, 2, 3, 3, generator=torch.Generator().manual_seed(seed)) * (1 + labels[:, None, None, None])
    return SharedFeatures(values * torch.tensor(factors)[:, None, None], labels)


def trained(substitute, known, released, **changes):
    return train_substitute(substitute, known, released, FITTING, compute=CPU, rng=stream(0, "aligning"), **changes)


def test_a_substitute_finds_the_module_from_releases_of_other_images():
    substitute = Scaled()
    trained(substitute, made(60, seed=1), made(45, seed=2, factors=(2.0, 0.5)))
    torch.testing.assert_close(substitute.factors.detach().flatten(), torch.tensor([2.0, 0.5]), atol=0.2, rtol=0)


def test_what_is_as_it_was_released_already_hardly_moves():
    substitute = Scaled()
    trained(substitute, made(60, seed=1), made(45, seed=2))
    torch.testing.assert_close(substitute.factors.detach().flatten(), torch.ones(2), atol=0.15, rtol=0)


def test_the_stream_alone_decides_and_an_interrupted_training_goes_on_to_the_same_weights(tmp_path):
    known, released = made(60, seed=1), made(45, seed=2, factors=(2.0, 0.5))
    whole, halved = Scaled(), Scaled()
    trained(whole, known, released)
    with pytest.raises(InterruptedError):
        trained(halved, known, released, checkpoint=tmp_path / "at", report=interrupting(20))
    again = Scaled()
    trained(again, known, released, checkpoint=tmp_path / "at")
    assert equal(state_of(whole), state_of(again))


def test_a_release_of_nothing_is_refused():
    nothing = SharedFeatures(torch.zeros(0, 2, 3, 3), torch.zeros(0).long())
    with pytest.raises(TrainingError, match="at least one image to align with"):
        trained(Scaled(), made(6, seed=1), nothing)
