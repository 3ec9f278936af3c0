import pytest
import torch
from torch import nn

from dpm_flower.core.errors import MetricError
from dpm_flower.training import prediction
from dpm_flower.training.prediction import accuracy, apply
from tests.training.toys import CPU, classifier, equal, pictures, state_of

DATA = pictures(25)


def test_batches_give_what_one_image_at_a_time_gives(monkeypatch):
    network = classifier().eval()
    slow = torch.cat([network(image.unsqueeze(0)) for image in DATA.images]).detach()
    for batch in (7, 25, 256):
        monkeypatch.setattr(prediction, "BATCH", batch)
        came = apply(network, DATA.images, CPU)
        torch.testing.assert_close(came, slow)
        assert not came.requires_grad
        assert came.dtype == torch.float32


def test_networks_predict_in_evaluation_mode_and_stay_as_they_were():
    for mode in (True, False):
        network = classifier().train(mode)
        before = state_of(network)
        apply(network, DATA.images, CPU)
        assert all(module.training is mode for module in network.modules())
        assert equal(state_of(network), before)


def test_frozen_parts_of_a_new_whole_are_not_set_to_training():
    frozen = classifier().eval()
    apply(nn.Sequential(frozen), DATA.images, CPU)  # a new whole is in training mode, its parts are not
    assert not any(module.training for module in frozen.modules())


def test_maps_come_back_contiguous():
    assert apply(nn.Conv2d(3, 4, 3), DATA.images, CPU).is_contiguous()


def test_accuracy_counts_the_largest_logits():
    network, labels = classifier().eval(), DATA.labels
    right = [int(network(image.unsqueeze(0)).argmax()) == int(label) for image, label in zip(DATA.images, labels, strict=True)]
    found = accuracy(network, DATA.images, labels, CPU)
    assert found.correct.tolist() == right
    assert found.top1 == pytest.approx(sum(right) / 25)
    assert 0 < found.top1 < 1


def test_accuracy_counts_the_first_and_the_first_five():
    logits, labels = torch.randn(40, 9, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 9
    ranks = [
        sorted(range(9), key=lambda number, row=row: -row[number]).index(label)
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    found = accuracy(nn.Identity(), logits, labels, CPU)
    assert found.correct.tolist() == [rank == 0 for rank in ranks]
    assert found.figures == pytest.approx({"top1": sum(rank == 0 for rank in ranks) / 40, "top5": sum(rank < 5 for rank in ranks) / 40})
    assert 0 < found.top1 < found.top5 < 1


@pytest.mark.parametrize(("classes", "names"), [(5, ["top1"]), (6, ["top1", "top5"])])
def test_among_five_classes_there_is_no_top_five(classes, names):
    found = accuracy(nn.Identity(), torch.eye(classes), torch.arange(classes), CPU)
    assert list(found.figures) == names
    assert (found.top5 is None) == (classes == 5)


def test_logits_that_are_not_finite_have_no_accuracy():
    with pytest.raises(MetricError, match="finite logits"):
        accuracy(nn.Identity(), torch.full((2, 3), float("nan")), torch.tensor([0, 1]), CPU)
