"""How far two responses lie apart, beside a slow reference."""

import math

import pytest
import torch

from dpm_flower.core.streams import stream
from dpm_flower.training.detection_response import BETA, Response, TwoStages, response_loss
from tests.training.cells import seen


def made(seed, proposals):
    rng = stream(seed, "response")
    return Response(
        torch.randn(2, 5, generator=rng) + 1,
        torch.randn(2, 5, 4, generator=rng),
        tuple(proposals),
        tuple(torch.randn(len(each), 3, generator=rng) for each in proposals),
        tuple(torch.randn(len(each), 3, 4, generator=rng) for each in proposals),
    )


BOXES = [torch.rand(3, 4), torch.rand(2, 4)]


def smooth(one, other):
    apart = [abs(float(a) - float(b)) for a, b in zip(one, other, strict=True)]
    return sum(x * x / 2 / BETA if x < BETA else x - BETA / 2 for x in apart)


def slow(response, wanted):
    things = anchors = looked = moved = foreground = proposals = 0.0
    for image in range(2):
        for anchor in range(5):
            p, q = (1 / (1 + math.exp(-float(one.objectness[image, anchor]))) for one in (wanted, response))
            things += p
            anchors += p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
            anchors += p * smooth(response.deltas[image, anchor], wanted.deltas[image, anchor])
        for place in range(len(wanted.classes[image])):
            p, q = (one.classes[image][place].softmax(0).tolist() for one in (wanted, response))
            proposals += 1
            looked += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
            for kind in (1, 2):
                foreground += p[kind]
                moved += p[kind] * smooth(response.class_deltas[image][place, kind], wanted.class_deltas[image][place, kind])
    return anchors / max(things, 1) + looked / proposals + moved / max(foreground, 1)


def test_the_loss_is_what_its_words_say():
    one, other = made(0, BOXES), made(1, BOXES)
    assert float(response_loss(one, other)) == pytest.approx(slow(one, other), rel=1e-4)
    assert float(response_loss(one, one)) == pytest.approx(0, abs=1e-6)


def test_background_that_both_are_sure_of_costs_nothing_wherever_its_boxes_would_go():
    one = made(0, BOXES)
    sure = Response(torch.full((2, 5), -40.0), one.deltas, one.proposals, one.classes, one.class_deltas)
    moved = Response(sure.objectness, one.deltas + 3, one.proposals, one.classes, one.class_deltas)
    assert float(response_loss(moved, sure)) == pytest.approx(0, abs=1e-6)


def test_no_proposal_at_all_is_no_error():
    one, other = made(0, [torch.zeros(0, 4)] * 2), made(1, [torch.zeros(0, 4)] * 2)
    assert math.isfinite(float(response_loss(one, other)))


def test_a_detector_s_response_comes_in_parts_and_together():
    nets, data, raw = seen()
    stages = TwoStages.of(nets.decider)
    parts = [stages.response(each) for each in raw.split(4)]
    both = Response.joined(parts)
    assert both.objectness.shape[0] == both.deltas.shape[0] == len(both.proposals) == len(data)
    assert both.deltas.shape[1:] == (both.objectness.shape[1], 4)
    chosen = both.at(torch.tensor([5, 0]))
    assert torch.equal(chosen.objectness, both.objectness[[5, 0]])
    assert torch.equal(chosen.classes[0], parts[1].classes[1])
    again = stages.response(raw[[5, 0]], chosen.proposals)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(again.class_deltas, chosen.class_deltas, strict=True))
    assert {tuple(one.shape[1:]) for one in both.class_deltas} == {(3, 4)}
