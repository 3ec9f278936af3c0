"""Learners whose batch norms go by the public images: they learn as the others do, and read on another scale."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.continual.all_images import AllImages
from dpm_flower.training.continual.ensemble import BoostedEnsemble
from dpm_flower.training.continual.ewc import ElasticWeights
from dpm_flower.training.continual.learner import Learning
from dpm_flower.training.continual.online import OnlineFineTuning
from dpm_flower.training.continual.recalibrated import Recalibrated
from dpm_flower.training.continual.replay import Replay
from dpm_flower.training.prediction import apply
from dpm_flower.training.recalibration import recalibrate
from tests.training.continual.days import DAY, FEW, NEXT_DAY, PUBLIC, TEST, WARM_UP, beginning
from tests.training.toys import CPU, equal, normed_nets, state_of

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


def test_information_is_taken_where_the_network_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "dpm_flower.training.continual.ewc.fisher_information",
        lambda network, *_: asked.append(state_of(network)) or {name: torch.ones_like(each) for name, each in network.named_parameters()},
    )
    learner = over_two_days(Recalibrated(learning=ElasticWeights(firmness=1.0, fitting=FEW)))
    assert equal(asked[-1], state_of(learner.network))


def test_it_is_a_way_of_learning_and_keeps_what_the_other_keeps():
    recalibrated = Recalibrated(learning=REPLAY)
    assert isinstance(recalibrated, Learning)
    torch.testing.assert_close(over_two_days(recalibrated).kept.shared.features, over_two_days(REPLAY).kept.shared.features)
