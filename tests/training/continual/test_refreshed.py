from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.training.continual import refreshed
from dpm_flower.training.continual.refreshed import Older, RefreshedLearner, RefreshedReplay
from dpm_flower.training.continual.replay import Replay
from dpm_flower.training.prediction import apply
from tests.training.continual.days import DAY, FEW, NEXT_DAY, PUBLIC, TEST, WARM_UP, Noting, Refusing, beginning, warm_nets
from tests.training.toys import CPU, equal, state_of

NETS = warm_nets()
POISONING = Replay(method=DeepPoisoning(blocks=1, fitting=FEW), fitting=FEW)
RAW = Replay(method=RawFeatures(), fitting=FEW)
WARM, ONE, TWO = len(WARM_UP), len(DAY), len(NEXT_DAY)
MATRIX = torch.tensor([[0.5, 0.2, 0, 0], [0, 1.5, 0.1, 0], [0, 0, 0.7, 0.4], [0.3, 0, 0, 1.1]])  # positive: a ReLU leaves what it makes


def learning(replay=POISONING, **knobs):
    return RefreshedReplay(**({"replay": replay, "older": "expire", "every": 2, "refresh": FEW, "reconstruct": FEW} | knobs))


def lived(way, days=(DAY, NEXT_DAY)):
    """A learner after the warm-up and these days."""
    learner = way.start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    for day in days:
        learner.day(day.images, day.labels)
    return learner


def features(nets, images):
    return apply(nets.featurizer, images, CPU)


@pytest.fixture
def mixed(monkeypatch):
    """A refresh after which the featurizer is a 1x1 linear map of the older one, and all else as it was."""
    convolution = nn.Conv2d(4, 4, 1)
    convolution.load_state_dict({"weight": MATRIX[:, :, None, None], "bias": torch.full((4,), 0.25)})
    nets = PublicNets(
        featurizer=nn.Sequential(NETS.featurizer, convolution),
        decider=NETS.decider,
        reconstructor=NETS.reconstructor,
        spec=NETS.spec,
        classes=NETS.classes,
    ).frozen()
    monkeypatch.setattr(RefreshedLearner, "_trained", lambda *_: nets)
    return nets


@pytest.mark.parametrize("older", get_args(Older))
def test_without_a_refresh_it_is_replay_to_the_bit(older):
    one, other = lived(learning(older=older, every=3)), lived(POISONING)
    assert torch.equal(one.predict(TEST.images), other.predict(TEST.images))
    assert torch.equal(one.kept.shared.features, other.kept.shared.features)
    assert torch.equal(one.kept.arrivals, other.kept.arrivals)
    assert one.kept.size_bytes == other.kept.size_bytes
    assert (one.kept.older, one.kept.net) == (None, NETS)


def test_expired_features_are_gone_and_those_of_the_day_are_by_the_new_featurizer():
    kept = lived(learning(RAW)).kept
    assert torch.equal(kept.arrivals, torch.arange(WARM + ONE, WARM + ONE + TWO))
    assert len(kept.shared.labels) == TWO
    assert kept.size_bytes == TWO * (2 * 4 * 6 * 6 + 16)
    assert kept.older is None
    torch.testing.assert_close(kept.shared.features, features(kept.net, NEXT_DAY.images).half().float())
    assert float((features(NETS, NEXT_DAY.images) - kept.shared.features).abs().max()) > 0.02


@pytest.mark.parametrize("replay", [RAW, POISONING])
def test_migrated_features_are_exact_where_the_new_featurizer_is_a_linear_map_of_the_old_one(mixed, replay):
    before = lived(replay, [DAY]).kept
    kept = lived(learning(replay, older="migrate")).kept
    wanted = torch.einsum("dc,nchw->ndhw", MATRIX, before.shared.features) + 0.25
    torch.testing.assert_close(kept.shared.features[: WARM + ONE], wanted, rtol=2e-3, atol=2e-3)  # of float16, twice
    assert torch.equal(kept.arrivals, torch.arange(WARM + ONE + TWO))
    assert torch.equal(kept.shared.labels[: WARM + ONE], before.shared.labels)
    assert kept.size_bytes == (WARM + ONE + TWO) * (2 * 4 * 6 * 6 + 16)
    assert kept.older is None


def test_migrated_features_come_nearer_to_what_the_new_featurizer_makes():
    way = learning(RAW, older="migrate", refresh=replace(FEW, steps=30), augment="none")
    learner = lived(way)
    wanted = features(learner.kept.net, WARM_UP.images)
    left, moved = ((one - wanted).square().mean() for one in (features(NETS, WARM_UP.images), learner.kept.shared.features[:WARM]))
    assert float(moved) < 0.5 * float(left)


def test_migrated_features_stay_within_the_budget_and_in_their_codec(mixed):
    rows = 20 * (2 * 4 * 6 * 6 + 16)
    assert lived(learning(replace(RAW, budget_bytes=rows), older="migrate")).kept.size_bytes == rows
    coded = replace(RAW, method=Coded(method=RawFeatures(), codec="webp"))
    kept, whole = lived(learning(coded, older="migrate")).kept, lived(learning(RAW, older="migrate")).kept
    assert kept.size_bytes != whole.size_bytes
    assert torch.equal(kept.arrivals, whole.arrivals)
    assert float((kept.shared.features - whole.shared.features).abs().max()) < 0.1


@pytest.mark.parametrize("older", ["migrate", "two deciders"])
def test_images_that_are_kept_are_read_by_any_featurizer(older):
    kept = lived(learning(Replay(method=RawImages(), fitting=FEW), older=older)).kept
    both = [kept] if kept.older is None else [kept.older, kept]
    came = torch.cat([as_bytes(each.images) for each in (WARM_UP, DAY, NEXT_DAY)])
    assert torch.equal(torch.cat([each.shared.images for each in both]), came)


def test_two_deciders_answer_by_their_mean_each_behind_its_own_featurizer():
    learner = lived(learning(older="two deciders"))
    newest, before = learner.newest, learner.before
    assert before.beginning.net is NETS
    chances = [apply(one.decider, features(one.beginning.net, TEST.images), CPU).softmax(1) for one in (newest, before)]
    torch.testing.assert_close(learner.predict(TEST.images).exp(), (chances[0] + chances[1]) / 2)
    assert float((chances[0] - chances[1]).abs().max()) > 0.01


def test_two_deciders_keep_the_older_features_as_they_are_and_the_older_networks():
    first, learner = lived(POISONING, [DAY]), lived(learning(older="two deciders"))
    kept = learner.kept
    assert torch.equal(kept.older.shared.features, first.kept.shared.features)
    assert torch.equal(kept.older.arrivals, torch.arange(WARM + ONE))
    assert torch.equal(kept.arrivals, torch.arange(WARM + ONE, WARM + ONE + TWO))
    assert kept.older.net is NETS is not kept.net
    networks = sum(each.nbytes for network in (NETS.featurizer, NETS.decider) for each in network.state_dict().values())
    assert networks > 0
    assert kept.size_bytes == (WARM + ONE + TWO) * (2 * 4 * 6 * 6 + 16) + networks


def test_the_older_decider_goes_on_learning_and_with_the_next_refresh_the_elder_goes():
    learner = lived(learning(RAW, older="two deciders"))
    said, middle = state_of(learner.before.decider), learner.newest
    learner.day(DAY.images, DAY.labels)
    assert not equal(state_of(learner.before.decider), said)
    learner.day(NEXT_DAY.images, NEXT_DAY.labels)
    assert learner.before is middle
    assert torch.equal(learner.kept.older.arrivals, torch.arange(WARM + ONE, WARM + 2 * ONE + TWO))
    assert torch.equal(learner.kept.arrivals, torch.arange(WARM + 2 * ONE + TWO, WARM + 2 * ONE + 2 * TWO))
    assert learner.kept.older.older is None


@pytest.mark.parametrize(("warm_up_days", "wanted"), [(0, (NEXT_DAY,)), (1, (NEXT_DAY,)), (2, (NEXT_DAY, WARM_UP))])
def test_a_refresh_learns_from_the_day_and_from_images_of_the_warm_up_that_may_still_be_kept(monkeypatch, warm_up_days, wanted):
    given, learn = [], refreshed.learn

    def noting(network, examples, *others, **settings):
        given.append(examples)
        return learn(network, examples, *others, **settings)

    monkeypatch.setattr(refreshed, "learn", noting)
    plain, learner = RAW.start(beginning()), learning(RAW, warm_up_days=warm_up_days).start(beginning())
    for one in (plain, learner):
        one.warmed(WARM_UP.images, WARM_UP.labels)
    alive = WARM * (3 * 12 * 12 + 8)
    for number, day in enumerate((DAY, NEXT_DAY)):
        more = learner.kept.size_bytes - plain.kept.size_bytes
        assert more == (alive if number < warm_up_days else 0)
        for one in (plain, learner):
            one.day(day.images, day.labels)
    (examples,) = given
    images = torch.cat([as_floats(as_bytes(each.images)) for each in wanted])
    torch.testing.assert_close(as_floats(examples.inputs), images, atol=0.5 / 255, rtol=0)
    assert torch.equal(examples.labels, torch.cat([each.labels for each in wanted]))
    assert learner.kept.size_bytes == TWO * (2 * 4 * 6 * 6 + 16)


def test_a_refresh_makes_new_networks_for_the_method_and_leaves_the_older_ones_alone():
    before, method = NETS.tensors(), Noting()
    learner = lived(learning(Replay(method=method, fitting=FEW)))
    assert [notes.net is NETS for notes in method.notes] == [True, True, False]
    nets = method.notes[-1].net
    assert learner.kept.net is nets
    for part in ("featurizer", "decider", "reconstructor"):
        assert not equal(state_of(getattr(nets, part)), state_of(getattr(NETS, part))), part
        assert not any(parameter.requires_grad for parameter in getattr(nets, part).parameters())
    assert nets.spec.featurizer_digest != NETS.spec.featurizer_digest
    assert equal(NETS.tensors(), before)


def test_a_refreshed_reconstructor_has_learnt_to_undo_the_new_featurizer():
    way = learning(RAW, refresh=replace(FEW, steps=30), reconstruct=replace(FEW, steps=60, learning_rate=0.03))
    nets = lived(way).kept.net
    guesses = [apply(each.reconstructor, features(nets, PUBLIC.images), CPU) for each in (nets, NETS)]
    after, stale = (float((guess - PUBLIC.images).abs().mean()) for guess in guesses)
    assert after < 0.9 * stale


def test_what_is_mapped_to_no_number_that_can_be_kept_is_forgotten_and_counts_as_a_refused_day(mixed, monkeypatch):
    monkeypatch.setattr(refreshed.FeatureMap, "__call__", lambda _, features: features * float("inf"))
    kept = lived(learning(RAW, older="migrate")).kept
    assert kept.refused_days == 1
    assert torch.equal(kept.arrivals, torch.arange(WARM + ONE, WARM + ONE + TWO))


@pytest.mark.parametrize(
    ("older", "replay", "moved"), [("migrate", RAW, True), ("migrate", Replay(method=RawImages(), fitting=FEW), False)]
)
def test_features_that_were_moved_are_told_apart(older, replay, moved):
    assert lived(learning(replay, older=older)).kept.migrated == moved
    assert not lived(learning(replay, older=older), [DAY]).kept.migrated


@pytest.mark.parametrize("older", get_args(Older))
def test_refused_days_are_counted_across_a_refresh(older):
    learner = lived(learning(Replay(method=Refusing(), fitting=FEW), older=older), (DAY, NEXT_DAY, DAY))
    assert learner.kept.refused_days == 2  # the second and the fourth time that something was to be kept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"older": "forget"}, "older must be one of expire, migrate, two deciders, got 'forget'"),
        ({"augment": "turn"}, "augment must be one of"),
        ({"every": 0}, "every 1 or more days"),
        ({"warm_up_days": -1}, "warm_up_days >= 0"),
        ({"older": "two deciders", "replay": replace(RAW, budget_bytes=9)}, "wanted no budget, got 9 bytes"),
    ],
)
def test_knobs_that_cannot_work_are_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        learning(**changes)
