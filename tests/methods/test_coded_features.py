from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.coded_features import CodedFeatures
from dpm_flower.training.feature_coding import CodingLoss
from dpm_flower.training.prediction import apply
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import CPU

METHOD = CodedFeatures(fitting=Fitting(steps=4, learning_rate=5e-3, batch_size=8, weight_decay=0.0))


def prepared(method=METHOD, owner="entity-a"):
    return method.prepare(preparation(owner))


def test_it_is_a_sharing_method_whose_repr_names_its_knobs():
    assert isinstance(METHOD, SharingMethod)
    assert " at 0x" not in repr(METHOD)
    assert replace(METHOD, loss=CodingLoss(disturb=1.0)) != METHOD


@pytest.mark.parametrize(("method", "bottleneck"), [(METHOD, 1), (replace(METHOD, inner=5, bottleneck=2), 2)])
def test_it_shares_what_comes_through_the_autoencoder_in_the_deciders_space(method, bottleneck):
    sharer = prepared(method)
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    assert isinstance(batch, SharedFeatures)
    NETS.spec.check(batch.features)
    assert torch.equal(batch.features, apply(sharer.module, features(PRIVATE.images), CPU))
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert sharer.module.bottleneck == bottleneck
    assert float(batch.features.min()) >= 0
    assert NETS.decider(batch.features).shape == (24, 3)


def test_every_entity_has_its_own_autoencoder_and_always_the_same():
    one, again, other = (prepared(owner=owner).share(PRIVATE.images, PRIVATE.labels).features for owner in ("a", "a", "b"))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)


@pytest.mark.parametrize(
    "knobs", [{"inner": 0}, {"bottleneck": 0}, {"bottleneck": -2}, {"fitting": Fitting(steps=2, learning_rate=1e-3, patience=1)}]
)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError):
        CodedFeatures(**knobs)
