"""A guess by chance is another image's, whose boxes are much like the own ones: it knows what they tell, and no more."""

from itertools import permutations

import pytest
import torch

from dpm_flower.attacks.boxed_chance import boxed_by_chance, others_with_such_boxes
from dpm_flower.attacks.boxed_floor import boxed_mean_guess
from dpm_flower.attacks.boxed_scores import boxed_scores
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import MetricError
from dpm_flower.core.protocols import Guess
from tests.training.cells import NAMES, cells, seen
from tests.training.toys import CPU

NETS, _, _ = seen()
TRUTH, KNOWN = cells(5, seed=9), cells(12, seed=3)


def told(boxed):
    return boxed_mean_guess(boxed.boxes, boxed.labels, KNOWN).images


def test_two_images_with_the_same_boxes_exchange_their_guesses():
    again = [2, 0, 1, 1, 0, 2]
    twice = Boxed(cells(6, seed=4).images, tuple(TRUTH.boxes[i] for i in again), tuple(TRUTH.labels[i] for i in again), NAMES)
    assert others_with_such_boxes(told(twice)).tolist() == [5, 4, 3, 2, 1, 0]


def test_of_all_orders_in_which_nobody_keeps_its_own_it_is_the_one_with_the_most_alike():
    images = told(TRUTH).double()
    costs = (images.unsqueeze(0) - images.unsqueeze(1)).square().flatten(2).sum(2)
    orders = [order for order in permutations(range(5)) if all(place != one for place, one in enumerate(order))]
    best = min(orders, key=lambda order: float(costs[torch.arange(5), list(order)].sum()))
    assert others_with_such_boxes(told(TRUTH)).tolist() == list(best)


def test_images_without_boxes_are_like_each_other_and_one_image_alone_has_no_other():
    assert sorted(others_with_such_boxes(torch.zeros(4, 3, 8, 8)).tolist()) == [0, 1, 2, 3]
    assert others_with_such_boxes(torch.zeros(2, 3, 8, 8)).tolist() == [1, 0]
    with pytest.raises(MetricError, match="at least 2 images to exchange guesses of, got 1"):
        others_with_such_boxes(torch.zeros(1, 3, 8, 8))


def test_who_has_seen_an_image_knows_more_of_it_than_who_has_seen_another_with_such_boxes():
    anchors = {"floor": told(TRUTH), "ceiling": TRUTH.images, "ceiling_A0": TRUTH.images}
    guesses = {"A0": told(TRUTH), "A1": TRUTH.images}
    found = boxed_scores(TRUTH, guesses, anchors, NETS.featurizer, CPU)
    chance = boxed_by_chance(found, TRUTH, guesses, told(TRUTH), NETS.featurizer, CPU)
    assert set(chance) == {"A0", "A1"}
    exchanged = TRUTH.images[others_with_such_boxes(told(TRUTH))]
    assert torch.equal(chance["A1"].attack.ssim, disclosure(TRUTH.images, Guess(exchanged), NETS.featurizer, CPU).ssim)
    assert (chance["A1"].floor, chance["A1"].ceiling) == (found.scores["floor"], found.scores["ceiling"])
    assert float(chance["A1"].attack.ssim.mean()) < 0.9 < float(found.scores["A1"].ssim.mean())
