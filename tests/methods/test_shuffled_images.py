from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.encryption import EncryptsImages, Shuffling
from dpm_flower.nets.patches import cut
from tests.methods.preparations import PRIVATE, preparation

METHOD = ShuffledImages(patch=4)


def shared(method=METHOD, owner="entity-a"):
    return method.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels)


def test_it_shares_images_of_the_same_size_with_the_same_patches():
    batch = shared()
    assert isinstance(batch, SharedImages)
    assert batch.images.shape == PRIVATE.images.shape
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert not torch.equal(batch.images, PRIVATE.images)
    for released, image in zip(cut(batch.images, 4), cut(PRIVATE.images, 4), strict=True):
        assert sorted(released.flatten(1).tolist()) == sorted(image.flatten(1).tolist())


def test_the_stream_is_the_secret_and_every_sharing_has_fresh_orders():
    assert torch.equal(shared().images, shared().images)
    assert not torch.equal(shared(owner="entity-b").images, shared().images)
    sharer = METHOD.prepare(preparation())
    first = sharer.share(PRIVATE.images, PRIVATE.labels)
    assert not torch.equal(sharer.share(PRIVATE.images, PRIVATE.labels).images, first.images)


def test_its_recipe_says_how_and_its_knobs_are_checked():
    assert isinstance(METHOD, SharingMethod)
    assert isinstance(METHOD, EncryptsImages)
    assert METHOD.encryption == Shuffling(patch=4)
    assert replace(METHOD) == METHOD != ShuffledImages(patch=6)
    with pytest.raises(FrozenInstanceError):
        METHOD.patch = 2  # type: ignore[misc]
    with pytest.raises(SettingError, match="got 0"):
        ShuffledImages(patch=0)
    with pytest.raises(SettingError, match="fill a side of 12 pixels exactly, got patches of 16"):
        ShuffledImages().prepare(preparation())
