"""Learners whose batch norms go by the public images: what each has trained is asked on that scale."""

import copy
from dataclasses import replace
from typing import get_args

import pytest
import torch

from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.continual import ewc
from dpm_flower.training.continual.all_images import AllImages
from dpm_flower.training.continual.ensemble import BoostedEnsemble
from dpm_flower.training.continual.ewc import ElasticWeights
from dpm_flower.training.continual.learner import Learning
from dpm_flower.training.continual.online import OnlineFineTuning
from dpm_flower.training.continual.recalibrated import Recalibrated
from dpm_flower.training.continual.refreshed import Older, RefreshedReplay
from dpm_flower.training.continual.replay import Replay
from dpm_flower.training.prediction import apply
from dpm_flower.training.recalibration import recalibrate
from tests.training.continual.days import DAY, FEW, NEXT_DAY, PUBLIC, TEST, WARM_UP, beginning
from tests.training.toys import CPU, normed_nets, state_of

WHOLE = (OnlineFineTuning(fitting=FEW), AllImages(fitting=FEW))
REPLAY = Replay(method=RawFeatures(), fitting=FEW)
NETS = normed_nets()


def over_two_days(learning):
    learner = learning.start(replace(beginning(), net=NETS))
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    for day in (DAY, NEXT_DAY):
        learner.day(day.images, day.labels)
    return learner


@pytest.mark.parametrize("learning", [*WHOLE, REPLAY], ids=repr)
def test_what_was_trained_is_the_same_network_with_statistics_of_the_public_images(learning):
    plain, other = over_two_days(learning), over_two_days(Recalibrated(learning=learning))
    one, two = ((each.decider if learning is REPLAY else each.network) for each in (plain, other))
    assert not torch.allclose(plain.predict(TEST.images), other.predict(TEST.images))
    recalibrate(one, apply(NETS.featurizer, PUBLIC.images, CPU) if learning is REPLAY else PUBLIC.images, CPU)
    torch.testing.assert_close(state_of(one), state_of(two))
    torch.testing.assert_close(plain.predict(TEST.images), other.predict(TEST.images))


def test_members_of_an_ensemble_are_recalibrated_before_they_are_frozen():
    learner = over_two_days(Recalibrated(learning=BoostedEnsemble(fitting=FEW, combining=FEW)))
    public = apply(NETS.featurizer, PUBLIC.images, CPU)
    for member in learner.members[1:]:
        before = state_of(member)
        recalibrate(member, public, CPU)
        torch.testing.assert_close(state_of(member), before)


def test_information_is_taken_of_the_recalibrated_network(monkeypatch):
    asked = []

    def flat(network, *_):
        asked.append(copy.deepcopy(network))
        return {name: torch.ones_like(each) for name, each in network.named_parameters()}

    monkeypatch.setattr(ewc, "fisher_information", flat)
    over_two_days(Recalibrated(learning=ElasticWeights(firmness=1.0, fitting=FEW)))
    for network in asked[1:]:  # the first is that of the warm-up, of which nothing was trained
        before = state_of(network)
        recalibrate(network, PUBLIC.images, CPU)
        torch.testing.assert_close(state_of(network), before)
    assert len(asked) == 3


@pytest.mark.parametrize("older", get_args(Older))
def test_a_refreshed_featurizer_and_both_deciders_are_recalibrated(older):
    learning = RefreshedReplay(replay=REPLAY, older=older, every=2, refresh=FEW, reconstruct=FEW)
    learner = over_two_days(Recalibrated(learning=learning))
    whole = copy.deepcopy(learner.newest.beginning.net.whole_network())
    before = state_of(whole)
    recalibrate(whole, PUBLIC.images, CPU)
    torch.testing.assert_close(state_of(whole), before)
    for one in filter(None, (learner.newest, learner.before)):
        decider, net = copy.deepcopy(one.decider), one.beginning.net
        recalibrate(decider, apply(net.featurizer, PUBLIC.images, CPU), CPU)
        torch.testing.assert_close(state_of(decider), state_of(one.decider))


def test_it_is_a_way_of_learning_and_keeps_what_the_other_keeps():
    recalibrated = Recalibrated(learning=REPLAY)
    assert isinstance(recalibrated, Learning)
    torch.testing.assert_close(over_two_days(recalibrated).kept.shared.features, over_two_days(REPLAY).kept.shared.features)
