"""Weighted boxes fusion, by hand."""

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.training.continual.detection.box_fusion import fused
from dpm_flower.training.detection import detections
from tests.training.continual.detection.days import NETS, TEST, same
from tests.training.toys import CPU


def said(*things):
    """(left, score, label) of boxes with sides of ten pixels."""
    return {
        "boxes": torch.tensor([[left, 0.0, left + 10.0, 10.0] for left, _, _ in things]).reshape(-1, 4),
        "scores": torch.tensor([score for _, score, _ in things]),
        "labels": torch.tensor([label for _, _, label in things], dtype=torch.int64),
    }


def test_one_member_comes_back_as_it_is_whatever_it_weighs():
    for one in detections(NETS.whole_network(), TEST.images, CPU):
        assert len(one["boxes"]) > 5
        assert same([fused([one], [1.0])], [one])
        assert torch.allclose(fused([one], [3.0])["scores"], one["scores"])


def test_boxes_that_overlap_become_their_mean_by_score_times_weight():
    both = fused([said((0.0, 0.8, 1)), said((2.0, 0.4, 1))], [1.0, 3.0])
    share = 1.2 / (0.8 + 1.2)  # of the second
    assert both["boxes"].tolist() == [pytest.approx([2 * share, 0, 10 + 2 * share, 10])]
    assert both["scores"].tolist() == [pytest.approx((0.8 + 1.2) / 4)]
    assert both["labels"].tolist() == [1]


def test_what_one_of_two_sees_is_half_as_sure():
    both = fused([said((0.0, 0.8, 1)), said()], [1.0, 1.0])
    assert both["scores"].tolist() == [pytest.approx(0.4)]
    assert both["boxes"].tolist() == [[0, 0, 10, 10]]


def test_classes_and_things_apart_are_not_fused_and_the_surest_come_first():
    both = fused([said((0.0, 0.3, 1), (20.0, 0.9, 2)), said((0.0, 0.5, 2), (20.0, 0.6, 2))], [1.0, 1.0])
    assert both["labels"].tolist() == [2, 2, 1]
    assert both["scores"].tolist() == pytest.approx([0.75, 0.25, 0.15])


@pytest.mark.parametrize(("overlap", "count"), [(0.6, 1), (0.7, 2)])  # two pixels apart: 8 / 12
def test_overlap_is_the_least_that_makes_one_thing(overlap, count):
    assert len(fused([said((0.0, 0.8, 1)), said((2.0, 0.4, 1))], [1.0, 1.0], overlap)["boxes"]) == count


def test_a_box_joins_the_thing_that_it_overlaps_most():
    both = fused([said((0.0, 0.9, 1), (4.0, 0.8, 1)), said((3.0, 0.4, 1))], [1.0, 1.0], 0.5)
    assert both["scores"].tolist() == pytest.approx([0.6, 0.45])
    assert both["boxes"][0, 0].item() == pytest.approx((4 * 0.8 + 3 * 0.4) / 1.2)


def test_two_boxes_of_one_member_stay_two():
    assert len(fused([said((0.0, 0.9, 1), (1.0, 0.8, 1)), said((0.0, 0.5, 1))], [1.0, 1.0])["boxes"]) == 2


def test_no_detections_at_all_are_none():
    nothing = fused([said(), said()], [1.0, 1.0])
    assert {key: tuple(value.shape) for key, value in nothing.items()} == {"boxes": (0, 4), "labels": (0,), "scores": (0,)}


@pytest.mark.parametrize(("members", "weights"), [(0, []), (2, [1.0]), (1, [0.0])])
def test_weights_that_cannot_be_are_refused(members, weights):
    with pytest.raises(SettingError, match="wanted a weight above 0"):
        fused([said()] * members, weights)
