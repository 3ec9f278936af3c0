import math

import pytest
import torch
from torch.nn import functional

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.matcher import Matcher
from dpm_flower.training.matching import matching_loss, train_matcher
from tests.training.toys import CPU, equal, state_of

FITTING = Fitting(steps=4, learning_rate=1e-2, batch_size=6, weight_decay=0.0)
Z = torch.rand(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def matcher():
    with global_generator_from(stream(0, "matcher")):
        return Matcher((3, 4, 4), width=4, size=5)


def test_the_loss_is_cross_entropy_of_the_own_one_both_ways():
    scores = torch.tensor([[2.0, 0.0], [1.0, 3.0]])
    rows = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-2))]
    columns = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(-3))]
    assert float(matching_loss(scores)) == pytest.approx((sum(rows) / 2 + sum(columns) / 2) / 2)
    assert float(matching_loss(torch.zeros(8, 8))) == pytest.approx(math.log(8))


class Watching(Matcher):
    """Takes notes of what it is given."""

    notes = None

    def forward(self, released, candidates):
        if self.notes is not None:
            self.notes.append((released.clone(), candidates.clone()))
        return super().forward(released, candidates)


def test_every_image_is_seen_through_one_of_the_modules_and_beside_its_own_features_once_in_a_batch():
    watching = Watching((3, 4, 4), width=4, size=5)
    watching.notes = []
    train_matcher(watching, [Z + 10, Z + 20, Z + 30], Z, FITTING, compute=CPU, rng=stream(0, "training"))
    assert len(watching.notes) == FITTING.steps
    seen = set()
    for released, candidates in watching.notes:
        shifts = (released - candidates).mean((1, 2, 3)).round()
        torch.testing.assert_close(released - candidates, shifts.view(-1, 1, 1, 1).expand_as(released), rtol=0, atol=1e-5)
        numbers = [int((Z - one).abs().sum((1, 2, 3)).argmin()) for one in candidates]
        assert len(set(numbers)) == 6
        seen |= set(shifts.tolist())
    assert seen == {10, 20, 30}


def test_it_learns_to_find_the_own_one():
    one = matcher()
    train_matcher(one, [-Z], Z, Fitting(steps=60, learning_rate=2e-2, batch_size=12), compute=CPU, rng=stream(0, "training"))
    with torch.no_grad():
        scores = one.eval()(-Z, Z)
    assert scores.argmax(1).tolist() == list(range(12))
    assert float(functional.cross_entropy(scores, torch.arange(12))) < math.log(12) / 4


def test_the_stream_decides_what_it_becomes():
    found = []
    for owner in ("one", "one", "other"):
        found.append(matcher())
        train_matcher(found[-1], [Z, -Z], Z, FITTING, compute=CPU, rng=stream(0, owner))
    assert equal(*map(state_of, found[:2]))
    assert not equal(*map(state_of, found[1:]))
