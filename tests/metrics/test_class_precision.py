import pytest
import torch

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.box_precision import box_precision
from dpm_flower.metrics.class_precision import class_precisions
from tests.training.cells import cells

TRUTH = cells(8, seed=2)


def found(shift):
    """The truth, with boxes of the second class moved, and a wrong one in each image that is surer than all else."""
    said = []
    for boxes, labels in zip(TRUTH.boxes, TRUTH.labels, strict=True):
        moved = boxes + shift * labels.unsqueeze(1)
        wrong = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        scores = torch.cat([torch.full((len(labels),), 0.5), torch.tensor([0.9])])
        said.append({"boxes": torch.cat([moved, wrong]), "labels": torch.cat([labels + 1, torch.tensor([1])]), "scores": scores})
    return said


@pytest.mark.parametrize("shift", [0.0, 2.0, 50.0])
def test_their_mean_is_the_mean_average_precision_at_a_half(shift):
    by_class = class_precisions(found(shift), TRUTH)
    assert by_class.shape == (2,)
    assert by_class.dtype == torch.float64
    assert float(by_class.mean()) == pytest.approx(box_precision(found(shift), TRUTH).map50, abs=1e-6)


def test_each_class_has_its_own():
    by_class = class_precisions(found(50.0), TRUTH)
    assert by_class[1] == 0
    assert 0 < float(by_class[0]) < 1  # wrong ones are counted against the first class
    assert class_precisions(found(0.0), TRUTH)[1] == pytest.approx(1.0)


def test_a_class_without_a_box_has_none():
    first = torch.tensor([place for place, labels in enumerate(TRUTH.labels) if not labels.any()])
    with pytest.raises(MetricError, match="at least one box"):
        class_precisions([found(0.0)[place] for place in first.tolist()], TRUTH.take(first))
