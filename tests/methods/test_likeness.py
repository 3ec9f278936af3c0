import pytest
import torch

from dpm_flower.core.errors import MetricError
from dpm_flower.methods.likeness import UNLIKE, Likeness, Watched

RNG = torch.Generator().manual_seed(0)
OWN, HELD_OUT = torch.rand(20, 3, 6, 6, generator=RNG), torch.rand(40, 3, 6, 6, generator=RNG)
TINT = torch.tensor([0.9, 0.5, 0.3]).view(1, 3, 1, 1)
CHANGES = {
    "fainter": lambda images: 0.4 + 0.3 * images,
    "of another tint": lambda images: TINT * images,
    "turned": lambda images: images.rot90(1, (2, 3)),
    "mirrored": lambda images: images.flip(3),
}


@pytest.mark.parametrize(
    ("likeness", "the_same"),
    [
        (Likeness(), {"fainter"}),
        (Likeness(by_channel=True), {"fainter", "of another tint"}),
        (Likeness(any_way=True), {"fainter", "turned", "mirrored"}),
        (Likeness(by_channel=True, any_way=True), set(CHANGES)),
    ],
)
def test_which_changes_leave_the_picture_the_same(likeness, the_same):
    watched = Watched.of(OWN, HELD_OUT, likeness)
    distances = {name: watched.distances(change(OWN)) for name, change in CHANGES.items()}
    assert {name for name, found in distances.items() if float(found.max()) < 1e-3} == the_same
    assert all(watched.membership(change(OWN))["membership_auc"] > 0.99 for name, change in CHANGES.items() if name in the_same)


def test_what_is_flat_is_compared_where_it_counts_and_like_nothing_where_not():
    own, made = OWN.clone(), OWN[:3].clone()
    own[0], made[0] = 0.0, 0.2
    counted, left_out = (Watched.of(own, HELD_OUT, Likeness(flat=flat)) for flat in (True, False))
    assert float(counted.distances(made)[0]) == 0.0
    assert float(counted.baseline.max()) <= 1.0 + 1e-6
    assert left_out.distances(made).tolist() == [UNLIKE, 0.0, 0.0]
    assert float(left_out.baseline.max()) > 1.05
    assert len(left_out.known) == 19


def test_something_has_to_be_left_to_compare_with():
    flat = torch.zeros_like(OWN)
    with pytest.raises(MetricError, match="with something in them, got 0 of 20 and 40 of 40"):
        Watched.of(flat, HELD_OUT, Likeness(flat=False))
    with pytest.raises(MetricError, match="got 20 of 20 and 0 of 20"):
        Watched.of(OWN, flat, Likeness(flat=False))
