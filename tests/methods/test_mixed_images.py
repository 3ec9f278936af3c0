from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedImages
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.nets.encryption import EncryptsImages, Mixing, mixed, reduced
from tests.methods.preparations import PRIVATE, preparation

METHOD = MixedImages(patch=4)


def test_it_shares_mixed_images_at_the_size_that_receivers_read():
    batch = METHOD.prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    assert isinstance(batch, SharedImages)
    assert batch.images.shape == PRIVATE.images.shape
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert torch.equal(reduced(batch.images), mixed(PRIVATE.images, 4))
    assert float((batch.images - PRIVATE.images).abs().mean()) > 0.02


def test_all_entities_images_lie_in_one_space_since_nothing_is_drawn():
    one, other = (METHOD.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels) for owner in ("entity-a", "entity-b"))
    assert torch.equal(one.images, other.images)
    assert [field.name for field in fields(METHOD.prepare(preparation()))] == ["mixing"]


def test_its_recipe_says_how_and_its_knobs_are_checked():
    assert isinstance(METHOD, SharingMethod)
    assert isinstance(METHOD, EncryptsImages)
    assert METHOD.encryption == Mixing(patch=4)
    assert replace(METHOD) == METHOD != MixedImages(patch=6)
    with pytest.raises(FrozenInstanceError):
        METHOD.patch = 2  # type: ignore[misc]
    with pytest.raises(SettingError, match="even number of pixels, got 5"):
        MixedImages(patch=5)
    with pytest.raises(SettingError, match="fill a side of 12 pixels exactly, got patches of 16"):
        MixedImages().prepare(preparation())
