import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.training.continual.detection import pseudo_boxes
from dpm_flower.training.continual.detection.pseudo_boxes import PseudoBoxes
from tests.training.cells import NAMES, cells
from tests.training.continual.detection.days import DAY, NETS
from tests.training.toys import CPU

TRUE = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
ELSEWHERE, HALF, NEAR = [20.0, 10.0, 30.0, 20.0], [0.0, 0.0, 10.0, 5.0], [1.0, 0.0, 11.0, 10.0]  # overlap 0, 0.5, 9/11


def added(monkeypatch, found, scores, knobs, true=TRUE):
    said = {"boxes": torch.tensor(found), "labels": torch.tensor([2] * len(found)), "scores": torch.tensor(scores)}
    monkeypatch.setattr(pseudo_boxes, "detections", lambda *_: [said])
    boxed = pseudo_boxes.Boxed(DAY.images[:1], (true,), (torch.zeros(len(true), dtype=torch.int64),), NAMES)
    return PseudoBoxes(**knobs).added(NETS.whole_network(), boxed, CPU)


def test_what_is_sure_and_overlaps_no_true_box_is_added_behind_the_true_ones(monkeypatch):
    both = added(monkeypatch, [ELSEWHERE, NEAR], [0.9, 0.9], {"confidence": 0.7, "overlap": 0.3})
    assert torch.equal(both.boxes[0], torch.cat([TRUE, torch.tensor([ELSEWHERE])]))
    assert both.labels[0].tolist() == [0, 1]  # a detector's 2 is our 1


@pytest.mark.parametrize(("confidence", "more"), [(0.5, 2), (0.6, 1), (0.9, 0)])
def test_confidence_is_the_least_score_that_counts(monkeypatch, confidence, more):
    both = added(monkeypatch, [ELSEWHERE, [20.0, 21.0, 30.0, 31.0]], [0.75, 0.5], {"confidence": confidence})
    assert len(both.boxes[0]) == 1 + more


@pytest.mark.parametrize(("overlap", "more"), [(0.0, 1), (0.4, 1), (0.6, 2), (0.9, 3)])
def test_overlap_is_the_most_with_a_true_box_of_any_class(monkeypatch, overlap, more):
    both = added(monkeypatch, [ELSEWHERE, HALF, NEAR], [1.0, 1.0, 1.0], {"overlap": overlap})
    assert len(both.boxes[0]) == 1 + more


def test_an_image_without_true_boxes_has_those_of_the_detector(monkeypatch):
    both = added(monkeypatch, [ELSEWHERE, NEAR], [0.9, 0.8], {}, true=torch.zeros(0, 4))
    assert both.labels[0].tolist() == [1, 1]


def test_a_real_detector_s_boxes_are_boxes_of_the_image():
    boxed = cells(3)
    both = PseudoBoxes(confidence=0.2, overlap=0.1).added(NETS.whole_network(), boxed, CPU)
    assert all(torch.equal(one[: len(true)], true) for one, true in zip(both.boxes, boxed.boxes, strict=True))
    assert sum(map(len, both.boxes)) > sum(map(len, boxed.boxes))


@pytest.mark.parametrize("knobs", [{"confidence": 0.0}, {"confidence": 1.1}, {"overlap": -0.1}, {"overlap": 1.0}], ids=str)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted confidence"):
        PseudoBoxes(**knobs)
