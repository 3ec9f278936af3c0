import gc
import weakref
from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.continual.detection import replay
from dpm_flower.training.continual.detection.replay import BoxedReplay
from tests.training.continual.detection.days import DAY, FEW, NETS, NEXT_DAY, TEST, WARM_UP, Refusing, beginning
from tests.training.toys import equal, state_of

POISONED = DeepPoisoning(blocks=1, kind="basic", fitting=FEW)
RAW = BoxedReplay(recipe=None, fitting=FEW)


def lessons(monkeypatch):
    """What the decider was given on each day."""
    given, train = [], replay.learn

    def noting(network, examples, *rest):
        given.append(examples)
        train(network, examples, *rest)

    monkeypatch.setattr(replay, "learn", noting)
    return given


def test_the_decider_learns_from_the_day_s_raw_features_and_all_that_was_kept_before(monkeypatch):
    given, learner = lessons(monkeypatch), RAW.start(beginning())
    learner.warmed(WARM_UP)
    for day in (DAY, NEXT_DAY):
        learner.day(day)
    raw = learner.beginning.raw
    for examples, day, before in ((given[0], DAY, [WARM_UP]), (given[1], NEXT_DAY, [WARM_UP, DAY])):
        torch.testing.assert_close(examples.inputs, torch.cat([raw(day.images), *(raw(each.images).half().float() for each in before)]))
        assert all(torch.equal(*pair) for pair in zip(examples.boxes, sum((each.boxes for each in before), day.boxes), strict=True))
        assert all(torch.equal(*pair) for pair in zip(examples.labels, sum((each.labels for each in before), day.labels), strict=True))
    assert torch.equal(learner.kept.arrivals, torch.arange(15))
    assert equal(state_of(NETS.featurizer), state_of(learner.beginning.nets.featurizer))


def test_what_is_kept_is_counted_with_its_boxes():
    learner = RAW.start(beginning())
    learner.warmed(WARM_UP)
    things = sum(map(len, WARM_UP.boxes))
    assert learner.kept.size_bytes == 5 * (2 * 32 * 16 * 20 + 16) + things * (4 * 4 + 8)
    assert learner.kept.shared.features.shape == (5, 32, 16, 20)


def test_one_that_keeps_nothing_trains_the_decider_on_each_day_alone(monkeypatch):
    given, learner = lessons(monkeypatch), replace(RAW, keeps=False).start(beginning())
    learner.warmed(WARM_UP)
    for day in (DAY, NEXT_DAY):
        before = state_of(learner.decider)
        learner.day(day)
        assert not equal(state_of(learner.decider), before)
    for examples, day in zip(given, (DAY, NEXT_DAY), strict=True):
        assert torch.equal(examples.inputs, learner.beginning.raw(day.images))
        assert examples.boxes == day.boxes
    assert (learner.kept.size_bytes, learner.kept.shared, learner.kept.refused_days) == (0, None, 0)
    assert (learner.boxes, learner.labels) == ([], [])


def test_a_recipe_by_which_nothing_is_kept_is_refused():
    with pytest.raises(SettingError, match="wanted no recipe where nothing is kept"):
        BoxedReplay(recipe=POISONED, keeps=False)


def test_each_day_has_a_module_of_its_own_that_is_gone_in_the_evening(monkeypatch):
    modules, train = [], replay.train_boxed_module

    def noting(module, *rest, **settings):
        modules.append(weakref.ref(module))
        return train(module, *rest, **settings)

    monkeypatch.setattr(replay, "train_boxed_module", noting)
    learner = BoxedReplay(recipe=POISONED, fitting=FEW).start(beginning())
    learner.warmed(DAY)
    learner.day(DAY)
    gc.collect()
    assert [each() for each in modules] == [None, None]
    one, two = learner.kept.shared.features.split(len(DAY))
    assert not torch.allclose(one, two, atol=1e-2)
    assert not torch.allclose(one, learner.beginning.raw(DAY.images), atol=1e-2)


def test_adversaries_change_the_module():
    kept = []
    for adversaries in (None, Adversaries(count=1)):
        learner = BoxedReplay(recipe=DeepPoisoning(blocks=1, kind="basic", fitting=FEW, adversaries=adversaries)).start(beginning())
        learner.warmed(DAY)
        kept.append(learner.kept.shared.features)
    assert not torch.equal(*kept)


def test_of_a_day_that_cannot_be_kept_nothing_stays_and_learning_goes_on():
    learner = BoxedReplay(recipe=Refusing(POISONED), fitting=FEW).start(beginning())
    for day in (DAY, NEXT_DAY, WARM_UP):
        before = state_of(learner.decider)
        learner.day(day)
        assert not equal(state_of(learner.decider), before)
    assert (learner.kept.refused_days, learner.refused) == (1, ["not finite"])
    assert torch.equal(learner.kept.arrivals, torch.cat([torch.arange(6), torch.arange(10, 15)]))
    assert len(learner.boxes) == len(learner.labels) == 11
    assert len(learner.predict(TEST.images)) == len(TEST)


def test_a_module_that_diverges_costs_the_day_and_no_more():
    wild = replace(POISONED, fitting=replace(FEW, steps=4, learning_rate=1e30))
    learner = BoxedReplay(recipe=wild, fitting=FEW).start(beginning())
    learner.day(DAY)
    assert learner.kept.refused_days == 1
    assert "nan" in learner.refused[0]
    assert learner.kept.shared is None
