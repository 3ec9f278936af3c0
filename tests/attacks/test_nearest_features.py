import pytest
import torch

from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.level import Level
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from tests.attacks.views import FEATURES, VICTIMS, features, scenes, view

GALLERY = torch.cat([scenes(20, seed=5).images, VICTIMS.images])
OWN = torch.arange(len(VICTIMS)) + 20


def scores(folder, released, owner="attacker"):
    return NearestFeatures().linker(view(folder), stream(0, owner)).link(SharedFeatures(released, VICTIMS.labels), GALLERY)


def test_it_is_minus_the_mean_squared_distance_of_features(tmp_path):
    released = FEATURES + 0.3
    slow = [[-float((one.double() - other.double()).square().mean()) for other in features(GALLERY)] for one in released]
    torch.testing.assert_close(scores(tmp_path, released), torch.tensor(slow, dtype=torch.float64), rtol=1e-6, atol=1e-9)


def test_on_raw_features_each_image_is_its_own_nearest_and_of_two_that_are_the_same_neither_is_nearer(tmp_path):
    found = scores(tmp_path, FEATURES)
    assert torch.equal(found.argmax(1), OWN)
    torch.testing.assert_close(found.gather(1, OWN.unsqueeze(1)), torch.zeros(len(VICTIMS), 1, dtype=torch.float64), rtol=0, atol=1e-9)
    twice = NearestFeatures().linker(view(tmp_path), stream(0)).link(SharedFeatures(FEATURES, VICTIMS.labels), VICTIMS.images[[0, 1, 0]])
    assert torch.equal(twice[:, 0], twice[:, 2])


def test_it_draws_nothing_and_gives_the_same_scores_under_every_stream(tmp_path):
    assert torch.equal(scores(tmp_path, FEATURES + 0.3), scores(tmp_path, FEATURES + 0.3, "another"))


def test_features_of_another_shape_are_refused(tmp_path):
    with pytest.raises(ShapeError, match="wanted released features like the candidates'"):
        scores(tmp_path, FEATURES[:, :2])


def test_it_trains_nothing_and_leaves_nothing(tmp_path):
    scores(tmp_path, FEATURES)
    assert list(tmp_path.iterdir()) == []
    assert NearestFeatures().level is Level.L1
