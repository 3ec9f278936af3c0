from dataclasses import FrozenInstanceError

import pytest

from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedImages
from dpm_flower.methods.raw_images import RawImages
from tests.methods.preparations import PRIVATE, preparation


def test_the_images_leave_as_they_are():
    batch = RawImages().prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    assert isinstance(batch, SharedImages)
    assert batch.images is PRIVATE.images
    assert batch.labels is PRIVATE.labels


def test_it_is_a_frozen_method():
    assert isinstance(RawImages(), SharingMethod)
    with pytest.raises(FrozenInstanceError):
        RawImages().name = "other"  # type: ignore[misc]
