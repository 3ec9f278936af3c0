import torch

from dpm_flower.attacks.edge_costs import FAINTEST, affinities, edge_costs
from dpm_flower.core.streams import stream
from dpm_flower.nets.patches import cut
from tests.training.toys import pictures

IMAGES = pictures(6, side=24).images
PATCHES = cut(IMAGES, 6)


def one_way(left, right):
    """Slowly, from the definition: patches (C,p,p) -> the cost of the step from `left` to `right`, by the steps in `left`."""
    steps = (left[:, :, -1] - left[:, :, -2]).T.double()  # (p,C)
    mean = steps.mean(0)
    covariance = (steps - mean).T @ (steps - mean) / len(steps) + FAINTEST**2 * torch.eye(3)
    across = (right[:, :, 0] - left[:, :, -1]).T.double() - mean
    return float(sum(step @ torch.linalg.inv(covariance) @ step for step in across))


def test_a_cost_is_the_mahalanobis_distance_of_the_step_from_either_side():
    right, below = edge_costs(PATCHES)
    for i, j in ((0, 1), (5, 2), (7, 7)):
        one, other = PATCHES[0, i], PATCHES[0, j]
        wanted = one_way(one, other) + one_way(other.flip(2), one.flip(2))
        torch.testing.assert_close(float(right[0, i, j]), wanted, rtol=1e-3, atol=1e-3)
        turned = [patch.transpose(1, 2) for patch in (one, other)]
        wanted = one_way(*turned) + one_way(turned[1].flip(2), turned[0].flip(2))
        torch.testing.assert_close(float(below[0, i, j]), wanted, rtol=1e-3, atol=1e-3)


def test_true_neighbours_fit_best_nearly_always():
    right, below = (affinities(costs).argmax(2) for costs in edge_costs(PATCHES))
    places = torch.arange(16).view(4, 4)
    beside = (right[:, places[:, :-1].flatten()] == places[:, 1:].flatten()).float().mean()
    under = (below[:, places[:-1].flatten()] == places[1:].flatten()).float().mean()
    assert min(float(beside), float(under)) > 0.8  # chance is a fifteenth


def test_affinities_are_shares_and_no_patch_lies_beside_itself():
    costs = torch.rand(2, 9, 9, generator=stream(0))
    found = affinities(costs)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert float(found.diagonal(dim1=1, dim2=2).abs().max()) == 0
    scaled = costs * 7
    torch.testing.assert_close(affinities(scaled), found)  # in whatever unit


def test_flat_patches_have_finite_costs():
    flat = torch.full((1, 4, 3, 4, 4), 0.5)
    for costs in edge_costs(flat):
        assert costs.isfinite().all()
        assert affinities(costs).isfinite().all()
