from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.fair_features import FairFeatures
from dpm_flower.training.continual.replay import Replay
from dpm_flower.training.fair_encoding import FairLoss
from dpm_flower.training.prediction import apply
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.continual.days import DAY, FEW, beginning
from tests.training.toys import CPU, equal

METHOD = FairFeatures(fitting=Fitting(steps=4, batch_size=8, learning_rate=1e-2, weight_decay=0.0))


def shared(method=METHOD, owner="entity-a", attributes=None):
    given = replace(preparation(owner), private=Labelled(PRIVATE.images, PRIVATE.labels, PRIVATE.classes, attributes))
    return method.prepare(given).share(PRIVATE.images, PRIVATE.labels)


def test_it_shares_features_in_the_decider_s_space_that_are_not_the_raw_ones():
    batch = shared()
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert float(batch.features.min()) >= 0
    assert not batch.features.requires_grad
    assert not torch.allclose(batch.features, features(PRIVATE.images), atol=1e-2)


def test_what_is_shared_is_what_the_encoder_makes_of_raw_features():
    sharer = METHOD.prepare(preparation())
    torch.testing.assert_close(sharer.share(PRIVATE.images, PRIVATE.labels).features, apply(sharer.module, features(PRIVATE.images), CPU))


def test_attributes_are_what_is_hidden_where_there_are_any():
    some = torch.arange(len(PRIVATE)).remainder(2).to(torch.uint8).unsqueeze(1)
    results = [shared(attributes=each).features for each in (None, some, some.flip(0))]
    assert not any(torch.equal(one, other) for place, one in enumerate(results) for other in results[:place])


def test_each_knob_changes_what_is_shared_and_so_does_the_stream_which_is_the_secret():
    methods = [METHOD, replace(METHOD, loss=FairLoss(audit=3.0)), replace(METHOD, blocks=2)]
    results = [shared(method).features for method in methods] + [shared(owner="entity-b").features]
    assert not any(torch.equal(one, other) for place, one in enumerate(results) for other in results[:place])
    assert torch.equal(shared().features, results[0])


def test_preparing_leaves_the_public_networks_and_the_global_generator_alone():
    tensors, state = NETS.tensors(), torch.random.get_rng_state()
    METHOD.prepare(preparation())
    assert equal(NETS.tensors(), tensors)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_its_training_is_reported():
    seen = []
    METHOD.prepare(preparation(report=seen.append))
    assert (seen[-1].work, seen[-1].step, seen[-1].steps) == ("encoder", 4, 4)


def test_a_replay_learner_keeps_what_it_makes():
    learner = Replay(method=METHOD, fitting=FEW).start(beginning())
    learner.day(DAY.images, DAY.labels)
    assert len(learner.kept.shared.features) == len(DAY)
    assert learner.kept.size_bytes == len(DAY) * (2 * 4 * 6 * 6 + 16)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"blocks": 0}, "blocks must be at least 1, got 0"),
        ({"fitting": replace(METHOD.fitting, patience=2)}, "without patience, got 2"),
    ],
)
def test_a_knob_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(METHOD, **changes)


def test_it_is_a_frozen_method_whose_name_is_in_manifests():
    assert isinstance(METHOD, SharingMethod)
    assert METHOD.name == "fair-features"
    assert replace(METHOD) == METHOD != replace(METHOD, loss=FairLoss(task=2.0))
    with pytest.raises(FrozenInstanceError):
        METHOD.name = "other"  # type: ignore[misc]
