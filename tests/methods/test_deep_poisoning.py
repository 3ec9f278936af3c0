from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.training.losses import EQUIVALENCES
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import equal, state_of

METHOD = DeepPoisoning(blocks=2, fitting=Fitting(steps=4, batch_size=8, learning_rate=1e-2))


def shared(method=METHOD, owner="entity-a"):
    return method.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels)


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
def test_it_shares_features_of_the_same_shape_that_are_not_the_raw_ones(equivalence):
    batch = shared(replace(METHOD, equivalence=equivalence))
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert bool(batch.features.isfinite().all())
    assert float(batch.features.min()) >= 0  # the hook lies behind a ReLU
    assert float((batch.features - features(PRIVATE.images)).abs().mean()) > 0.05


def test_the_stream_is_the_secret():
    batch = shared()
    assert torch.equal(shared().features, batch.features)
    assert not torch.allclose(shared(owner="entity-b").features, batch.features)


def test_each_knob_changes_what_is_shared():
    methods = [
        METHOD,
        replace(METHOD, weight=3.0),
        replace(METHOD, blocks=1),
        *(replace(METHOD, equivalence=e) for e in ("labels", "response")),
    ]
    results = [shared(method).features for method in methods]
    assert not any(torch.equal(one, other) for index, one in enumerate(results) for other in results[:index])


def test_nothing_of_the_module_is_in_what_is_shared():
    sharer = METHOD.prepare(preparation())
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    assert {field.name for field in fields(SharedFeatures)} == {"features", "labels"}
    assert not batch.features.requires_grad
    assert batch.features.grad_fn is None
    memory = {tensor.untyped_storage().data_ptr() for tensor in sharer.module.state_dict().values()}
    assert batch.features.untyped_storage().data_ptr() not in memory


def test_sharing_changes_nothing_and_an_image_is_poisoned_alone_as_in_company():
    sharer = METHOD.prepare(preparation())
    before = state_of(sharer.module)
    batch = sharer.share(PRIVATE.images, PRIVATE.labels)
    alone = sharer.share(PRIVATE.images[5:6], PRIVATE.labels[5:6])
    torch.testing.assert_close(alone.features, batch.features[5:6])
    assert equal(state_of(sharer.module), before)


def test_preparing_leaves_the_public_networks_and_the_global_generator_alone():
    tensors, state = NETS.tensors(), torch.random.get_rng_state()
    METHOD.prepare(preparation())
    assert equal(NETS.tensors(), tensors)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_its_training_is_reported():
    seen = []
    METHOD.prepare(preparation(report=seen.append))
    assert (seen[-1].work, seen[-1].step, seen[-1].steps) == ("dpm", 4, 4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"equivalence": "logits"}, "equivalence must be one of labels, response, activations, got 'logits'"),
        ({"weight": -0.1}, "weight must be >= 0"),
        ({"weight": float("nan")}, "weight must be >= 0"),
        ({"blocks": 0}, "blocks must be at least 1"),
    ],
)
def test_a_knob_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(METHOD, **changes)


def test_it_is_a_frozen_method_and_equal_settings_are_equal():
    assert isinstance(METHOD, SharingMethod)
    assert replace(METHOD) == METHOD != replace(METHOD, weight=2.0)
    with pytest.raises(FrozenInstanceError):
        METHOD.weight = 2.0  # type: ignore[misc]
