import pytest
import torch
from sklearn.decomposition import PCA

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.training.principal_components import PrincipalComponents

FEATURES = torch.randn(20, 3, 4, 4, generator=stream(0, "features")) * torch.arange(1.0, 49.0).view(3, 4, 4)


MANY = torch.randn(90, 3, 4, 4, generator=stream(2, "features")) * torch.arange(1.0, 49.0).view(3, 4, 4)


@pytest.mark.parametrize("features", [FEATURES, MANY], ids=["fewer images than values", "more"])
def test_it_projects_as_scikit_learn_does(features):
    other = torch.randn(7, 3, 4, 4, generator=stream(1, "features"))
    reference = PCA(5, svd_solver="full").fit(features.flatten(1).double().numpy())
    wanted = torch.from_numpy(reference.inverse_transform(reference.transform(other.flatten(1).double().numpy()))).float()
    torch.testing.assert_close(PrincipalComponents.of(features, 5).projected(other), wanted.view_as(other), rtol=1e-4, atol=1e-3)


def test_directions_are_orthonormal():
    directions = PrincipalComponents.of(FEATURES, 6).directions
    torch.testing.assert_close(directions.T @ directions, torch.eye(6), rtol=0, atol=1e-5)


def test_more_directions_than_there_are_is_refused():
    with pytest.raises(SettingError, match="fewer dimensions than the 20 images and the 48 values of each, got 20"):
        PrincipalComponents.of(FEATURES, 20)
    flat = torch.ones(5, 1, 2, 2)
    for alike in (flat, flat * torch.arange(5.0).view(5, 1, 1, 1)):
        with pytest.raises(SettingError, match="that differ in 2 dimensions"):
            PrincipalComponents.of(alike, 2)


def test_the_same_images_give_the_same_directions():
    assert torch.equal(PrincipalComponents.of(FEATURES, 6).directions, PrincipalComponents.of(FEATURES.clone(), 6).directions)
