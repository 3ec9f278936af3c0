import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.projected_features import ProjectedFeatures
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import pictures


def shared(dimensions):
    return ProjectedFeatures(dimensions=dimensions).prepare(preparation()).share(PRIVATE.images, PRIVATE.labels).features


def test_a_release_holds_no_more_than_its_dimensions():
    mean = features(pictures(12, seed=2).images).mean(0)  # of the public images
    NETS.spec.check(shared(3))
    assert int(torch.linalg.matrix_rank((shared(3) - mean).flatten(1), rtol=1e-4)) == 3


def test_more_dimensions_come_nearer_to_the_raw_features():
    raw = features(PRIVATE.images)
    distances = [float((shared(dimensions) - raw).norm()) for dimensions in (1, 4, 10)]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > distances[-1]


def test_dimensions_that_the_public_images_do_not_span_are_refused():
    with pytest.raises(SettingError, match="fewer dimensions than the 12 images"):
        shared(12)
    with pytest.raises(SettingError, match="at least 1"):
        ProjectedFeatures(dimensions=0)
    assert isinstance(ProjectedFeatures(dimensions=2), SharingMethod)
