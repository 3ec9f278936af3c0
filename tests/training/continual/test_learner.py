from typing import get_args

import torch

from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.continual.all_images import AllImages
from dpm_flower.training.continual.ensemble import BoostedEnsemble
from dpm_flower.training.continual.ewc import ElasticWeights
from dpm_flower.training.continual.learner import Learning, whole_network
from dpm_flower.training.continual.online import OnlineFineTuning
from dpm_flower.training.continual.refreshed import Older, RefreshedReplay
from dpm_flower.training.continual.replay import Replay
from tests.training.continual.days import DAY, FEW, TEST, WARM_UP, beginning, warm_nets
from tests.training.toys import equal, state_of

ALL = (
    OnlineFineTuning(fitting=FEW),
    AllImages(fitting=FEW),
    ElasticWeights(firmness=1.0, images=4, fitting=FEW),
    BoostedEnsemble(fitting=FEW, combining=FEW),
    Replay(method=RawFeatures(), fitting=FEW),
    *(
        RefreshedReplay(replay=Replay(method=RawFeatures(), fitting=FEW), older=older, every=1, refresh=FEW, reconstruct=FEW)
        for older in get_args(Older)
    ),
)


def test_the_whole_network_is_a_copy_that_says_the_same_and_can_be_trained():
    nets = warm_nets()
    whole = whole_network(nets).eval()
    assert torch.equal(whole(TEST.images), nets.decider(nets.featurizer(TEST.images)))
    assert all(parameter.requires_grad for parameter in whole.parameters())
    own = {id(parameter) for parameter in (*nets.featurizer.parameters(), *nets.decider.parameters())}
    assert own.isdisjoint(map(id, whole.parameters()))


def test_all_begin_by_saying_what_the_warmed_up_networks_say_and_leave_those_as_they_are():
    nets = warm_nets()
    before, said = nets.tensors(), nets.decider(nets.featurizer(TEST.images))
    for learning in ALL:
        assert isinstance(learning, Learning)
        learner = learning.start(beginning())
        learner.warmed(WARM_UP.images, WARM_UP.labels)
        torch.testing.assert_close(learner.predict(TEST.images), said)
        learner.day(DAY.images, DAY.labels)
        assert not torch.allclose(learner.predict(TEST.images), said, atol=1e-3), learning
    assert equal(nets.tensors(), before)


def test_the_stream_decides_what_is_learnt():
    for learning in ALL:
        said = []
        for owner in ("one", "one", "other"):
            learner = learning.start(beginning(owner))
            learner.warmed(WARM_UP.images, WARM_UP.labels)
            learner.day(DAY.images, DAY.labels)
            said.append(learner.predict(TEST.images))
        assert torch.equal(said[0], said[1]), learning
        assert not torch.equal(said[0], said[2]), learning


def test_images_stay_as_they_came():
    before = DAY.images.clone(), DAY.labels.clone()
    for learning in ALL:
        learning.start(beginning()).day(DAY.images, DAY.labels)
    assert torch.equal(DAY.images, before[0])
    assert torch.equal(DAY.labels, before[1])
    assert state_of(warm_nets().decider)
