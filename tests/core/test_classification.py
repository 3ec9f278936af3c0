import pytest

from dpm_flower.core.classification import CROSS_ENTROPY, AnchorLoss, CrossEntropy, check_loss
from dpm_flower.core.errors import SettingError

EUCLIDEAN = {"norm": 2.0}
COSINE = {"distance": "cosine", "scale": 16.0}


@pytest.mark.parametrize("knobs", [EUCLIDEAN, COSINE, EUCLIDEAN | {"placing": "simplex"}, COSINE | {"placing": "simplex"}])
def test_each_distance_has_one_knob(knobs):
    assert repr(AnchorLoss(**knobs)) == repr(AnchorLoss(**knobs))  # a campaign's identity is made of it
    check_loss(AnchorLoss(**knobs))


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"distance": "manhattan", "norm": 2.0}, 'distance must be "euclidean" or "cosine", got \'manhattan\''),
        ({"placing": "random", "norm": 2.0}, 'placing must be "orthonormal" or "simplex", got \'random\''),
        ({}, "euclidean distance wants a finite norm > 0, got None"),
        ({"distance": "cosine"}, "cosine distance wants a finite scale > 0, got None"),
        (EUCLIDEAN | {"scale": 1.0}, "euclidean distance has no scale, got 1.0"),
        (COSINE | {"norm": 1.0}, "cosine distance has no norm, got 1.0"),
        ({"norm": 0.0}, "wants a finite norm > 0, got 0.0"),
        ({"norm": -1.0}, "wants a finite norm > 0, got -1.0"),
        ({"norm": float("nan")}, "wants a finite norm > 0, got nan"),
        ({"norm": float("inf")}, "wants a finite norm > 0, got inf"),
        ({"distance": "cosine", "scale": 0.0}, "wants a finite scale > 0, got 0.0"),
    ],
)
def test_knobs_that_cannot_work_are_refused(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        AnchorLoss(**knobs)


def test_only_a_loss_is_a_loss():
    check_loss(CROSS_ENTROPY)
    for other in (CrossEntropy, AnchorLoss, "cross-entropy", None):
        with pytest.raises(SettingError, match="wanted a classification loss"):
            check_loss(other)
