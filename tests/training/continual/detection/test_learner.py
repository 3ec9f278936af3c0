from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.training import detection
from dpm_flower.training.continual.detection import learner
from dpm_flower.training.continual.detection.all_images import AllBoxedImages
from dpm_flower.training.continual.detection.ensemble import BoostedDetectors
from dpm_flower.training.continual.detection.ewc import ElasticDetector
from dpm_flower.training.continual.detection.learner import boxes_bytes, learn
from dpm_flower.training.continual.detection.online import OnlineDetector
from dpm_flower.training.continual.detection.pseudo_boxes import PseudoBoxes
from dpm_flower.training.continual.detection.replay import BoxedReplay
from dpm_flower.training.detection import BoxedExamples
from tests.training.cells import seen
from tests.training.continual.detection.days import DAY, FEW, NETS, TEST, bare, beginning
from tests.training.toys import CPU, equal, state_of

LEARNINGS = (OnlineDetector(), ElasticDetector(firmness=1.0), BoostedDetectors(), BoxedReplay(recipe=None), AllBoxedImages())


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


def test_a_day_is_learnt_from_with_what_the_learner_began_with(monkeypatch):
    calls, start = [], beginning()
    monkeypatch.setattr(learner, "train_detector", lambda *given, **settings: calls.append((given, settings)))
    network, examples = start.whole_detector(), BoxedExamples.of(DAY)
    learn(network, examples, FEW, start, augment=flipped, penalty=torch.zeros)
    ((given, settings),) = calls
    assert given == (network, examples, FEW)
    assert settings.pop("rng") is start.rng
    assert settings == {"compute": CPU, "work": "day", "augment": flipped, "penalty": torch.zeros, "report": start.report}


@pytest.mark.parametrize("learning", LEARNINGS, ids=lambda one: type(one).__name__)
def test_a_patience_is_refused_by_every_way_of_learning(learning):
    with pytest.raises(SettingError, match="without validation images, so without patience, got 3"):
        replace(learning, fitting=replace(FEW, patience=3))


POISONED = DeepPoisoning(equivalence="labels", blocks=1, kind="basic", fitting=FEW)


@pytest.mark.parametrize(
    "learning",
    [*LEARNINGS, ElasticDetector(firmness=1.0, pseudo=PseudoBoxes()), BoxedReplay(recipe=POISONED)],
    ids=lambda one: type(one).__name__,
)
def test_a_day_without_boxes_is_a_day_like_any_other(learning):
    """It is learnt from, as background, and what is kept of days is kept of it too."""
    at_work = replace(learning, fitting=FEW).start(beginning())
    at_work.day(bare(DAY))
    found = at_work.predict(TEST.images)
    assert len(found) == len(TEST)
    assert any(len(one["scores"]) for one in found)
    assert all(bool(one["scores"].isfinite().all()) for one in found)
    assert at_work.kept.refused_days == 0
    if at_work.kept.arrivals is not None and not isinstance(learning, AllBoxedImages):
        assert len(at_work.boxes) == len(at_work.kept.arrivals) == len(DAY)
