import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.matcher import Embedding, Matcher


def made(features=(5, 8, 8), **sizes):
    with global_generator_from(stream(0, "matcher")):
        return Matcher(features, width=6, size=7, **sizes).eval()


def some(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sides", [(1, 1), (3, 3), (4, 4), (5, 7), (6, 6), (8, 8), (9, 13), (16, 16), (28, 28), (56, 32)])
def test_features_of_any_shape_become_points_at_distance_1(sides):
    with global_generator_from(stream(0, "embedding")):
        embedding = Embedding((5, *sides), 6, 7)
    points = embedding.eval()(some(3, 5, *sides))
    assert points.shape == (3, 7)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(3))


def test_it_scores_every_release_with_every_candidate_by_their_angle_over_a_temperature():
    matcher = made()
    released, candidates = some(4, 5, 8, 8), some(4, 5, 8, 8).flip(0)
    scores = matcher(released, candidates)
    cosines = matcher.released(released) @ matcher.candidate(candidates).T
    torch.testing.assert_close(scores, cosines * 10)
    with torch.no_grad():
        matcher.log_temperature.fill_(-100.0)
    torch.testing.assert_close(matcher(released, candidates), cosines * 100)  # no colder than that


def test_releases_and_candidates_are_seen_by_networks_of_their_own():
    matcher = made()
    assert not torch.equal(matcher.released(some(2, 5, 8, 8)), matcher.candidate(some(2, 5, 8, 8)))


def test_where_things_are_is_told_apart():
    matcher = made((5, 16, 16))
    image = torch.zeros(2, 5, 16, 16)
    image[0, :, 5, 5] = image[1, :, 9, 9] = 9.0  # far from the borders, where one average over all would be the same
    one, other = matcher.candidate(image)
    assert float((one - other).detach().abs().max()) > 0.01


def test_features_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"\(B, 5, 8, 8\), got \(2, 5, 8, 7\)"):
        made().candidate(some(2, 5, 8, 7))


@pytest.mark.parametrize("knobs", [{"features": (0, 8, 8)}, {"features": (5, 8, 8), "width": 0}, {"features": (5, 8, 8), "size": 0}])
def test_sizes_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="at least one"):
        Matcher(**knobs)
