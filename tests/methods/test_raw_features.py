from dataclasses import FrozenInstanceError

import pytest
import torch

from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from tests.methods.preparations import NETS, PRIVATE, features, preparation


def test_the_features_leave_as_they_are():
    batch = RawFeatures().prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    assert isinstance(batch, SharedFeatures)
    assert torch.equal(batch.features, features(PRIVATE.images))
    assert torch.equal(batch.labels, PRIVATE.labels)
    NETS.spec.check(batch.features)


def test_it_is_a_frozen_method():
    assert isinstance(RawFeatures(), SharingMethod)
    assert RawFeatures() == RawFeatures()
    with pytest.raises(FrozenInstanceError):
        RawFeatures().name = "other"  # type: ignore[misc]
