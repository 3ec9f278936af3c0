import warnings

import pytest
import torch

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.box_precision import box_precision

NAMES = ("cell", "platelet", "virus")


def random_boxes(count, rng):
    start = torch.rand(count, 2, generator=rng) * 20
    return torch.cat([start, start + 3 + torch.rand(count, 2, generator=rng) * 8], 1)


def scene(seed, images=4):
    """Images with boxes of the first two classes, and detections that are shifted boxes of theirs and chance ones."""
    rng = torch.Generator().manual_seed(seed)
    boxes = [random_boxes(4, rng) for _ in range(images)]
    labels = [torch.randint(2, (4,), generator=rng) for _ in boxes]
    truth = Boxed(torch.zeros(images, 3, 32, 32), tuple(boxes), tuple(labels), NAMES)
    detections = []
    for own, of in zip(boxes, labels, strict=True):
        moved = own + torch.rand(4, 1, generator=rng) * 2
        said = torch.where(torch.rand(4, generator=rng) < 0.8, of, 1 - of)
        found = {"boxes": torch.cat([moved, random_boxes(3, rng)]), "labels": torch.cat([said, torch.randint(2, (3,), generator=rng)]) + 1}
        detections.append(found | {"scores": torch.rand(7, generator=rng) + torch.tensor([0.4] * 4 + [0.0] * 3)})
    return detections, truth


def overlap(a, b):
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    both = max(width, 0.0) * max(height, 0.0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def slow_precision(detections, truth, number, least):
    """Average precision of one class by the definition: each detection, by its score, takes the free box that it overlaps most."""
    own = [boxes[labels == number].tolist() for boxes, labels in zip(truth.boxes, truth.labels, strict=True)]
    said = [
        (score, image, box)
        for image, found in enumerate(detections)
        for box, label, score in zip(*(found[key].tolist() for key in ("boxes", "labels", "scores")), strict=True)
        if label == number + 1
    ]
    taken, right = set(), []
    for _, image, box in sorted(said, key=lambda each: -each[0]):
        free = [(overlap(box, other), row) for row, other in enumerate(own[image]) if (image, row) not in taken]
        best, row = max(free, default=(0.0, -1))
        right.append(best >= least)
        if best >= least:
            taken.add((image, row))
    hits = torch.tensor(right, dtype=torch.float64).cumsum(0)
    precision, recall = hits / torch.arange(1, len(hits) + 1), hits / sum(map(len, own))
    at = [max((p for p, r in zip(precision.tolist(), recall.tolist(), strict=True) if r >= step / 100), default=0.0) for step in range(101)]
    return sum(at) / 101


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_slow_definition(seed):
    detections, truth = scene(seed)
    found = box_precision(detections, truth)
    wanted = [slow_precision(detections, truth, number, 0.5) for number in (0, 1)]
    assert 0.1 < sum(wanted) / 2 < 0.95
    assert found.map50 == pytest.approx(sum(wanted) / 2, abs=1e-6)
    for number in (0, 1):
        steps = [slow_precision(detections, truth, number, (50 + 5 * step) / 100) for step in range(10)]
        assert found.by_class[NAMES[number]] == pytest.approx(sum(steps) / 10, abs=1e-6)
    assert found.map50_95 == pytest.approx(sum(found.by_class.values()) / 2, abs=1e-6)


def perfect(truth):
    return [
        {"boxes": boxes, "labels": labels + 1, "scores": torch.ones(len(labels))}
        for boxes, labels in zip(truth.boxes, truth.labels, strict=True)
    ]


def nothing(count):
    return [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)} for _ in range(count)]


def test_perfect_detections_score_one_and_none_score_zero():
    _, truth = scene(0)
    best, worst = box_precision(perfect(truth), truth), box_precision(nothing(4), truth)
    assert (best.map50, best.map50_95, dict(best.by_class)) == (1.0, 1.0, {"cell": 1.0, "platelet": 1.0})
    assert (worst.map50, worst.map50_95, dict(worst.by_class)) == (0.0, 0.0, {"cell": 0.0, "platelet": 0.0})


def test_a_class_that_is_nowhere_is_left_out_even_where_it_was_detected():
    _, truth = scene(0)
    detections = perfect(truth)
    detections[0] = {key: torch.cat([values, values[:1]]) for key, values in detections[0].items()}
    detections[0]["labels"][-1] = 3
    found = box_precision(detections, truth)
    assert (found.map50, set(found.by_class)) == (1.0, {"cell", "platelet"})


def test_images_without_boxes_cost_what_is_detected_in_them():
    _, truth = scene(0)
    empty = Boxed(truth.images, (truth.boxes[0][:0], *truth.boxes[1:]), (truth.labels[0][:0], *truth.labels[1:]), NAMES)
    assert box_precision(perfect(empty), empty).map50 == 1.0
    assert box_precision(perfect(truth), empty).map50 < 1.0


def test_it_is_the_same_each_time_and_says_nothing(capfd):
    detections, truth = scene(1)
    crowded = [{key: values.repeat(16, *[1] * (values.ndim - 1)) for key, values in each.items()} for each in detections]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert box_precision(crowded, truth) == box_precision(crowded, truth)
        box_precision(nothing(4), truth)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_detection_is_refused():
    detections, truth = scene(0)
    for key, value, error, reason in (
        ("labels", torch.zeros(7, dtype=torch.int64), MetricError, "image 3: wanted labels from 1 to 3, got 0 to 0"),
        ("labels", torch.full((7,), 4), MetricError, "got 4 to 4"),
        ("labels", torch.ones(6, dtype=torch.int64), ShapeError, r"got \(7, 4\), \(6,\) and \(7,\)"),
        ("boxes", torch.zeros(7, 5), ShapeError, r"wanted boxes \(D,4\)"),
        ("boxes", torch.full((7, 4), float("nan")), MetricError, "finite boxes"),
        ("scores", torch.full((7,), float("nan")), MetricError, "finite boxes and scores"),
    ):
        with pytest.raises(error, match=reason):
            box_precision([*detections[:3], detections[3] | {key: value}], truth)
    with pytest.raises(ShapeError, match="missing scores"):
        box_precision([*detections[:3], {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0)}], truth)
    with pytest.raises(ShapeError, match="detections in 4 images, got those in 3"):
        box_precision(detections[:3], truth)
    bare = Boxed(truth.images, (torch.zeros(0, 4),) * 4, (torch.zeros(0, dtype=torch.int64),) * 4, NAMES)
    with pytest.raises(MetricError, match="at least one box in 4 images"):
        box_precision(detections, bare)
