import torch

from dpm_flower.training import detection
from dpm_flower.training.continual.detection.learner import boxes_bytes
from tests.training.cells import seen
from tests.training.continual.detection.days import DAY, NETS, beginning
from tests.training.toys import equal, state_of


def test_raw_features_are_the_featurizer_s_in_any_batches(monkeypatch):
    _, data, raw = seen()
    monkeypatch.setattr(detection, "ASKED", 3)
    torch.testing.assert_close(beginning().raw(data.images), raw)


def test_whole_detectors_are_copies_that_can_be_trained():
    one, other = beginning().whole_detector(), beginning().whole_detector()
    assert equal(state_of(one), state_of(NETS.whole_network()))
    with torch.no_grad():
        for parameter in one.parameters():
            assert parameter.requires_grad
            parameter.add_(1.0)
    assert equal(state_of(other), state_of(NETS.whole_network()))
    assert not any(parameter.requires_grad for parameter in NETS.whole_network().parameters())


def test_boxes_take_four_numbers_and_a_class():
    assert boxes_bytes(DAY) == sum(map(len, DAY.boxes)) * (4 * 4 + 8)
