import math

import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.streams import stream
from dpm_flower.metrics.compactness import class_distance_normalised_variance

LABELS = torch.tensor([0, 0, 0, 2, 2, 5, 5, 5, 5, 2])  # classes 1, 3 and 4 have no image
CENTRES = torch.tensor([[0.0, 0, 0, 4], [9, 9, 9, 9], [3, 0, 1, 0], [9, 9, 9, 9], [9, 9, 9, 9], [0, 2, 0, -1]])
NOISE = torch.randn(10, 4, generator=stream(0, "noise"))


def activations(scatter: float) -> torch.Tensor:
    return CENTRES[LABELS] + scatter * NOISE


def slow(points, labels):
    groups = [
        [point for point, label in zip(points.tolist(), labels.tolist(), strict=True) if label == c] for c in sorted(set(labels.tolist()))
    ]
    means = [[sum(column) / len(group) for column in zip(*group, strict=True)] for group in groups]
    variances = [sum(math.dist(point, mean) ** 2 for point in group) / len(group) for group, mean in zip(groups, means, strict=True)]
    pairs = [(i, j) for i in range(len(groups)) for j in range(len(groups)) if i != j]
    return sum((variances[i] + variances[j]) / (2 * math.dist(means[i], means[j]) ** 2) for i, j in pairs) / len(pairs)


@pytest.mark.parametrize("scatter", [0.1, 1.0, 10.0])
def test_it_is_the_mean_over_pairs_of_variance_by_squared_distance(scatter):
    points = activations(scatter)
    assert class_distance_normalised_variance(points, LABELS) == pytest.approx(slow(points, LABELS), rel=1e-5)


def test_one_point_for_each_class_is_0_and_scatter_adds_to_it():
    assert class_distance_normalised_variance(activations(0), LABELS) == 0
    scores = [class_distance_normalised_variance(activations(scatter), LABELS) for scatter in (0.0, 0.1, 0.3, 1.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[1]


def test_a_variance_of_the_squared_distance_is_1():
    points = torch.tensor([[0.0, 2], [0, -2], [2, 2], [2, -2]])
    assert class_distance_normalised_variance(points, torch.tensor([0, 0, 1, 1])) == pytest.approx(1.0)


def test_turning_moving_and_scaling_change_nothing():
    points = activations(0.5).double()
    turn = torch.linalg.qr(torch.randn(4, 4, generator=stream(1, "turn"), dtype=torch.float64)).Q
    moved = 3.5 * points @ turn - torch.tensor([5.0, 0, 1, -7])
    assert class_distance_normalised_variance(moved, LABELS) == pytest.approx(class_distance_normalised_variance(points, LABELS), rel=1e-9)


def test_far_from_the_origin_no_digits_are_lost():
    points = activations(0.5)
    assert class_distance_normalised_variance(points + 512, LABELS) == pytest.approx(
        class_distance_normalised_variance(points, LABELS), rel=1e-3
    )


def test_the_order_of_images_and_the_numbers_of_classes_mean_nothing():
    points, order = activations(0.5), torch.randperm(10, generator=stream(2, "order"))
    one = class_distance_normalised_variance(points, LABELS)
    assert class_distance_normalised_variance(points[order], 7 - LABELS[order]) == pytest.approx(one)


@pytest.mark.parametrize(
    ("points", "labels", "error", "reason"),
    [
        (NOISE, LABELS[:9], ShapeError, r"got \(10, 4\) and \(9,\)"),
        (NOISE.unsqueeze(2), LABELS, ShapeError, r"got \(10, 4, 1\)"),
        (NOISE, torch.zeros(10, dtype=torch.int64), MetricError, "at least two classes, got 1"),
        (NOISE[:0], LABELS[:0], MetricError, "at least two classes, got 0"),
        (NOISE / 0, LABELS, MetricError, "wanted finite activations, got 40 values"),
        (torch.ones(10, 4), LABELS, MetricError, "the same mean activation"),
    ],
)
def test_what_has_no_score_is_refused(points, labels, error, reason):
    with pytest.raises(error, match=reason):
        class_distance_normalised_variance(points, labels)
