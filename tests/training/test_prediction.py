import pytest
import torch
from torch import nn

from dpm_flower.training import prediction
from dpm_flower.training.prediction import apply, top1
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


def test_top1_counts_the_largest_logits():
    network, labels = classifier().eval(), DATA.labels
    right = [int(network(image.unsqueeze(0)).argmax()) == int(label) for image, label in zip(DATA.images, labels, strict=True)]
    share, correct = top1(network, DATA.images, labels, CPU)
    assert correct.tolist() == right
    assert share == pytest.approx(sum(right) / 25)
    assert 0 < share < 1
