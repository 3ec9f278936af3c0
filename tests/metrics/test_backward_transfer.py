import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.backward_transfer import backward_transfer, class_recalls

RNG = torch.Generator().manual_seed(0)
LABELS = torch.randint(3, (40,), generator=RNG)
LOGITS = torch.randn(40, 3, generator=RNG)


def test_recalls_are_each_class_s_share_of_right_answers():
    slow = [float((LOGITS.argmax(1)[number == LABELS] == number).double().mean()) for number in range(3)]
    assert class_recalls(LOGITS, LABELS).tolist() == pytest.approx(slow)


def test_it_is_what_it_would_be_on_a_test_set_of_each_day():
    """Each class as often as its mix says: 2, 1 and 0 copies of its images, then 0, 3 and 1."""
    days = [torch.randn(40, 3, generator=RNG) for _ in range(3)]
    balanced = torch.cat([(number == LABELS).nonzero().flatten()[:8] for number in range(3)])
    mixes = torch.tensor([[2, 1, 0], [0, 3, 1], [1, 1, 1]])
    recalls = torch.stack([class_recalls(logits[balanced], LABELS[balanced]) for logits in days])

    def accuracy(logits, mix):
        copies = torch.cat([balanced[LABELS[balanced] == number].repeat(int(mix[number])) for number in range(3)])
        return float((logits.argmax(1)[copies] == LABELS[copies]).double().mean())

    slow = sum(accuracy(days[-1], mixes[day]) - accuracy(days[day], mixes[day]) for day in range(2)) / 2
    assert backward_transfer(recalls, mixes) == pytest.approx(slow)


def test_forgetting_is_below_zero_and_getting_better_above():
    mixes = torch.eye(2)
    assert backward_transfer(torch.tensor([[1.0, 0.0], [0.25, 1.0]]), mixes) == pytest.approx(-0.75)
    assert backward_transfer(torch.tensor([[0.5, 0.0], [0.75, 1.0]]), mixes) == pytest.approx(0.25)


def test_a_day_without_images_does_not_count_but_what_was_forgotten_on_it_does():
    recalls = torch.tensor([[0.75, 0.5], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0]])
    mixes = torch.tensor([[1, 0], [0, 0], [0, 1], [0, 0]])
    assert backward_transfer(recalls, mixes) == pytest.approx((-0.75 + 0.25) / 2)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(MetricError, match="all 3 classes, got none of \\[2\\]"):
        class_recalls(LOGITS[:4], torch.tensor([0, 1, 1, 0]))
    with pytest.raises(ShapeError, match="one shape"):
        backward_transfer(torch.zeros(2, 3), torch.zeros(2, 2))
    for days, mixes in ((1, [[1, 1, 1]]), (2, [[0, 0, 0], [1, 1, 1]])):
        with pytest.raises(MetricError, match=f"wanted images on a day before the last, got {days} days"):
            backward_transfer(torch.zeros(days, 3), torch.tensor(mixes))
