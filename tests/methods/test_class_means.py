from dataclasses import replace

import torch

from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.class_means import ClassMeanFeatures
from tests.methods.preparations import NETS, PRIVATE, features, preparation


def test_every_image_of_a_class_leaves_as_the_mean_of_its_class():
    batch = ClassMeanFeatures().prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    NETS.spec.check(batch.features)
    raw = features(PRIVATE.images)
    for number in PRIVATE.labels.unique():
        own = PRIVATE.labels == number
        torch.testing.assert_close(batch.features[own], raw[own].mean(0).expand_as(batch.features[own]))
    assert torch.equal(batch.labels, PRIVATE.labels)


def test_an_image_tells_nothing_beside_its_label():
    sharer = ClassMeanFeatures().prepare(preparation())
    assert torch.equal(sharer.share(PRIVATE.images, PRIVATE.labels).features, sharer.share(1 - PRIVATE.images, PRIVATE.labels).features)


def test_a_class_without_images_is_the_mean_over_all():
    lacking = PRIVATE.take((PRIVATE.labels != 0).nonzero().flatten())
    sharer = ClassMeanFeatures().prepare(replace(preparation(), private=lacking))
    released = sharer.share(PRIVATE.images[:1], torch.zeros(1, dtype=torch.int64)).features[0]
    torch.testing.assert_close(released, features(lacking.images).mean(0))
    assert isinstance(ClassMeanFeatures(), SharingMethod)
