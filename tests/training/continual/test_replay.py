import gc
from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.shared import SharedImages
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.training.continual import replay
from dpm_flower.training.continual.replay import Replay
from dpm_flower.training.prediction import apply
from tests.training.continual.days import (
    DAY,
    FEW,
    NEXT_DAY,
    PUBLIC,
    SOME,
    TEST,
    WARM_UP,
    Noting,
    Refusing,
    beginning,
    only,
    top1,
    warm_nets,
)
from tests.training.toys import CPU, equal, state_of

NETS = warm_nets()
POISONING = DeepPoisoning(blocks=1, fitting=FEW)


def features(images):
    return apply(NETS.featurizer, images, CPU)


def lessons(monkeypatch):
    """What the decider was given on each day."""
    given, learn = [], replay.learn

    def noting(network, examples, *others, **settings):
        given.append((examples.inputs[torch.arange(len(examples.inputs))], examples.labels))
        return learn(network, examples, *others, **settings)

    monkeypatch.setattr(replay, "learn", noting)
    return given


def test_the_decider_learns_from_the_day_s_raw_features_and_all_that_was_kept_before(monkeypatch):
    given, method = lessons(monkeypatch), Noting()
    learner = Replay(method=method, fitting=FEW).start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    for day in (DAY, NEXT_DAY):
        learner.day(day.images, day.labels)
    kept = [(features(each.images) + number).half().float() for number, each in enumerate((WARM_UP, DAY, NEXT_DAY), start=1)]
    for (inputs, labels), day, before in ((given[0], DAY, 1), (given[1], NEXT_DAY, 2)):
        torch.testing.assert_close(inputs, torch.cat([features(day.images), *kept[:before]]))
        assert torch.equal(labels, torch.cat([day.labels, *(each.labels for each in (WARM_UP, DAY)[:before])]))
    torch.testing.assert_close(learner.kept.shared.features, torch.cat(kept))
    assert torch.equal(learner.kept.arrivals, torch.arange(len(WARM_UP) + len(DAY) + len(NEXT_DAY)))


def test_the_method_is_prepared_anew_each_day_with_a_stream_of_its_own_and_gone_in_the_evening():
    method = Noting()
    learner = Replay(method=method, fitting=FEW).start(beginning())
    for day in (DAY, NEXT_DAY):
        learner.day(day.images, day.labels)
        gc.collect()
        assert [each() for each in method.sharers] == [None] * len(method.sharers)
    one, two = method.notes
    assert not torch.equal(torch.rand(3, generator=one.rng), torch.rand(3, generator=two.rng))
    assert torch.equal(one.private.images, DAY.images)
    assert one.net is NETS
    assert one.public is PUBLIC


def test_two_days_of_the_same_images_are_poisoned_by_two_modules():
    learner = Replay(method=POISONING, fitting=FEW).start(beginning())
    learner.day(DAY.images, DAY.labels)
    learner.day(DAY.images, DAY.labels)
    one, two = learner.kept.shared.features.split(len(DAY))
    raw = features(DAY.images)
    assert not torch.allclose(one, two, atol=1e-2)
    assert not torch.allclose(one, raw, atol=1e-2)


def test_what_is_held_out_is_for_the_method_to_compare_with_and_stays_nowhere():
    method = Noting()
    learner = Replay(method=method, held_out=0.25, fitting=FEW).start(beginning())
    learner.day(DAY.images, DAY.labels)
    learner.day(NEXT_DAY.images, NEXT_DAY.labels)
    for preparation, day in zip(method.notes, (DAY, NEXT_DAY), strict=True):
        apart = round(0.25 * len(day))
        assert (len(preparation.validation), len(preparation.private)) == (apart, len(day) - apart)
        both = torch.cat([preparation.validation.images, preparation.private.images])
        assert torch.equal(both.flatten(1).sum(1).sort().values, day.images.flatten(1).sum(1).sort().values)
    came = torch.cat([DAY.images, NEXT_DAY.images])[learner.kept.arrivals]
    numbers = torch.tensor([1] * 18 + [2] * 14).view(-1, 1, 1, 1)
    torch.testing.assert_close(learner.kept.shared.features, (features(came) + numbers).half().float())


def test_nothing_kept_is_the_decider_fine_tuned_online(monkeypatch):
    given = lessons(monkeypatch)
    learner = Replay(method=Nothing(), fitting=FEW).start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    learner.day(DAY.images, DAY.labels)
    torch.testing.assert_close(given[0][0], features(DAY.images))
    assert (learner.kept.size_bytes, learner.kept.shared) == (0, None)


def test_kept_images_go_through_the_featurizer_again(monkeypatch):
    given = lessons(monkeypatch)
    learner = Replay(method=RawImages(), fitting=FEW).start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    learner.day(DAY.images, DAY.labels)
    torch.testing.assert_close(given[0][0], torch.cat([features(DAY.images), features(as_bytes(WARM_UP.images))]))
    assert isinstance(learner.kept.shared, SharedImages)


def test_of_a_day_whose_images_the_method_refuses_nothing_is_kept_and_learning_goes_on():
    learner = Replay(method=Refusing(), fitting=FEW).start(beginning())
    for day in (DAY, NEXT_DAY, DAY):
        before = learner.predict(TEST.images)
        learner.day(day.images, day.labels)
        assert not torch.equal(learner.predict(TEST.images), before)
    assert learner.kept.refused_days == 1
    assert learner.refused == ["the generator has memorised"]
    assert torch.equal(learner.kept.arrivals, torch.cat([torch.arange(24), torch.arange(42, 66)]))


def test_of_a_day_with_few_images_of_a_class_what_can_be_drawn_is_kept():
    day = DAY.take(torch.arange(1, len(DAY)))  # classes come in turn: one has an image less now
    learner = Replay(method=DrawnFeatures(neighbours=8, least=8), fitting=FEW).start(beginning())
    learner.day(day.images, day.labels)
    drawn = day.labels != DAY.labels[0]
    assert learner.kept.refused_days == 0
    assert torch.equal(learner.kept.shared.labels, day.labels[drawn])
    assert torch.equal(learner.kept.arrivals, drawn.nonzero().flatten())


def test_a_module_that_diverges_costs_the_day_and_no_more():
    wild = DeepPoisoning(blocks=1, fitting=replace(FEW, steps=4, learning_rate=1e30))
    learner = Replay(method=wild, fitting=FEW).start(beginning())
    learner.day(DAY.images, DAY.labels)
    assert learner.kept.refused_days == 1
    assert "nan" in learner.refused[0]
    assert learner.kept.shared is None


def test_a_budget_bounds_what_is_kept():
    budget = 20 * (2 * 4 * 6 * 6 + 16)
    learner = Replay(method=RawFeatures(), budget_bytes=budget, fitting=FEW).start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    learner.day(DAY.images, DAY.labels)
    assert learner.kept.size_bytes == budget
    came = torch.cat([WARM_UP.images, DAY.images])[learner.kept.arrivals]
    torch.testing.assert_close(learner.kept.shared.features, features(came).half().float())


def test_with_raw_features_it_learns_what_comes_and_forgets_nothing():
    known, day = only(WARM_UP, 0, 1), only(WARM_UP, 2)
    found = {}
    for method in (RawFeatures(), Nothing()):
        learner = Replay(method=method, fitting=SOME).start(beginning())
        learner.warmed(known.images, known.labels)
        learner.day(day.images, day.labels)
        assert top1(learner, only(TEST, 2)) > 0.8
        found[method.name] = top1(learner, only(TEST, 0, 1))
    assert found["raw-features"] > max(0.8, found["nothing"] + 0.2)


def test_the_featurizer_stays_as_it_was():
    before = state_of(NETS.featurizer)
    learner = Replay(method=POISONING, fitting=FEW).start(beginning())
    learner.day(DAY.images, DAY.labels)
    assert equal(state_of(NETS.featurizer), before)


@pytest.mark.parametrize("held_out", [-0.1, 1.0])
def test_knobs_that_cannot_work_are_refused(held_out):
    with pytest.raises(SettingError, match="held_out"):
        Replay(method=Nothing(), held_out=held_out)
