import math

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.anchor_placing import place_anchors

SHAPES = [(2, 2), (3, 3), (3, 7), (10, 64), (7, 23)]


def placed(classes, dimensions, placing, seed=0):
    return place_anchors(classes, dimensions, placing, stream(seed, "anchors"))


def distances(anchors):
    """Between all pairs, the slow way."""
    return [math.dist(anchors[i].tolist(), anchors[j].tolist()) for i in range(len(anchors)) for j in range(i)]


def lengths(anchors):
    return [math.hypot(*anchor.tolist()) for anchor in anchors]


@pytest.mark.parametrize(("classes", "dimensions"), SHAPES)
def test_orthonormal_anchors_have_one_norm_and_one_distance(classes, dimensions):
    anchors = placed(classes, dimensions, "orthonormal")
    assert (anchors.shape, anchors.dtype) == ((classes, dimensions), torch.float32)
    assert lengths(anchors) == pytest.approx([1.0] * classes, abs=1e-6)
    assert distances(anchors) == pytest.approx([math.sqrt(2)] * len(distances(anchors)), abs=1e-6)


@pytest.mark.parametrize(("classes", "dimensions"), SHAPES)
def test_activations_behind_a_relu_reach_orthonormal_anchors_and_use_all_coordinates(classes, dimensions):
    anchors = placed(classes, dimensions, "orthonormal")
    assert anchors.min() == 0
    assert ((anchors > 0).sum(0) == 1).all()


@pytest.mark.parametrize(("classes", "dimensions"), [*SHAPES, (2, 1), (3, 2), (10, 9)])
def test_a_simplex_has_one_norm_and_one_distance_the_largest_there_is(classes, dimensions):
    anchors = placed(classes, dimensions, "simplex")
    assert (anchors.shape, anchors.dtype) == ((classes, dimensions), torch.float32)
    assert lengths(anchors) == pytest.approx([1.0] * classes, abs=1e-6)
    # the squared distances of K unit vectors add up to K^2 - |sum|^2 at most: equal, and this far, no other placing is better
    largest = math.sqrt(2 * classes / (classes - 1))
    assert distances(anchors) == pytest.approx([largest] * len(distances(anchors)), abs=1e-5)
    assert anchors.sum(0).abs().max() < 1e-5


def test_where_right_angles_do_not_fit_a_simplex_does():
    assert torch.equal(placed(5, 4, "orthonormal"), placed(5, 4, "simplex"))
    assert not torch.equal(placed(5, 5, "orthonormal"), placed(5, 5, "simplex"))


@pytest.mark.parametrize("placing", ["orthonormal", "simplex"])
def test_the_stream_turns_them(placing):
    assert torch.equal(placed(4, 9, placing), placed(4, 9, placing))
    assert not torch.equal(placed(4, 9, placing), placed(4, 9, placing, seed=1))


@pytest.mark.parametrize("placing", ["orthonormal", "simplex"])
def test_too_few_dimensions_and_too_few_classes_are_refused(placing):
    with pytest.raises(SettingError, match="5 classes need at least 4 dimensions, got 3"):
        placed(5, 3, placing)
    with pytest.raises(SettingError, match="at least 2 classes apart, got 1"):
        placed(1, 8, placing)
