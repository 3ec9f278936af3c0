import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.accuracy import top_k_correct

LOGITS = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(7, (40,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_it_equals_sorting(k):
    ranked = LOGITS.argsort(1, descending=True)[:, :k].tolist()
    assert top_k_correct(LOGITS, LABELS, k).tolist() == [label in row for label, row in zip(LABELS.tolist(), ranked, strict=True)]


def test_more_guesses_never_hurt_and_all_are_always_right():
    by_k = torch.stack([top_k_correct(LOGITS, LABELS, k) for k in range(1, 8)]).int()
    assert (by_k.diff(dim=0) >= 0).all()
    assert by_k[-1].all()
    assert not by_k[0].all()


def test_equal_logits_rank_by_class_number():
    flat = torch.zeros(3, 3)
    assert top_k_correct(flat, torch.arange(3)).tolist() == [True, False, False]
    assert top_k_correct(flat, torch.arange(3), 2).tolist() == [True, True, False]


def test_no_images_give_no_answers():
    assert top_k_correct(LOGITS[:0], LABELS[:0]).shape == (0,)


@pytest.mark.parametrize("k", [0, 8])
def test_k_outside_the_classes_is_refused(k):
    with pytest.raises(MetricError, match=f"number of classes, 7, got {k}"):
        top_k_correct(LOGITS, LABELS, k)


@pytest.mark.parametrize(("logits", "labels"), [(LOGITS, LABELS[:39]), (LOGITS[0], LABELS[:7]), (LOGITS, LABELS.unsqueeze(1))])
def test_other_shapes_are_refused(logits, labels):
    with pytest.raises(ShapeError, match=r"\(B,K\)"):
        top_k_correct(logits, labels)


@pytest.mark.parametrize("labels", [LABELS + 1, LABELS - 1, LABELS.float()])
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(MetricError, match=r"labels in \[0, 7\)"):
        top_k_correct(LOGITS, labels)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_not_finite_are_refused(value):
    logits = LOGITS.clone()
    logits[3, 2] = value
    with pytest.raises(MetricError, match="got 1 that are not"):
        top_k_correct(logits, LABELS)
