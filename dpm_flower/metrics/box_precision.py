"""How well detections find the things in images: mean average precision of boxes, by COCO's rules without its crowds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

from dpm_flower.core.boxed import CORNERS, Boxed
from dpm_flower.core.errors import MetricError, ShapeError

FIRST_CLASS = 1  # of torchvision's detectors, to which 0 is the background
KEYS = ("boxes", "labels", "scores")


@dataclass(frozen=True, slots=True)
class BoxPrecision:
    """Average precision in [0,1], over the classes that occur in the truth: boxes that overlap it by half count as found (`map50`), or
    the mean over ten thresholds from .5 to .95 (`map50_95`, COCO's AP), which `by_class` has by name.
    """

    map50: float
    map50_95: float
    by_class: Mapping[str, float]


def box_precision(detections: Sequence[Mapping[str, Tensor]], truth: Boxed) -> BoxPrecision:
    """What a detector says of each image, and what is in them -> average precision.

    Detections are as torchvision's detectors give them, one mapping for each image: boxes (D,4), corners in pixels, scores (D,), and
    labels (D,) that count from 1, while the truth's count from 0. Of each image and class the 100 with the highest scores count, of equal
    scores those that come first. Every box of the truth counts, also one that VOC calls difficult. Precision is interpolated at 101
    recalls (torchmetrics with pycocotools).
    Raises ShapeError for other numbers of images or boxes; MetricError for labels that are no class, boxes and scores that are not
    finite, and a truth without any box.
    """
    if len(detections) != len(truth):
        raise ShapeError(f"wanted detections in {len(truth)} images, got those in {len(detections)}")
    if not any(len(labels) for labels in truth.labels):
        raise MetricError(f"wanted at least one box in {len(truth)} images to be found, got none")
    for number, found in enumerate(detections):
        _check(found, len(truth.class_names), number)
    metric = MeanAveragePrecision(box_format="xyxy", iou_type="bbox", class_metrics=True, backend="pycocotools")
    metric.warn_on_many_detections = False  # that only 100 count is said above
    metric.update(
        [{key: each[key].detach().cpu() for key in KEYS} for each in detections],
        [
            {"boxes": boxes, "labels": labels + FIRST_CLASS}
            for boxes, labels in zip((each.cpu() for each in truth.boxes), (each.cpu() for each in truth.labels), strict=True)
        ],
    )
    scores = metric.compute()
    of_class = zip(scores["classes"].flatten().tolist(), scores["map_per_class"].flatten().tolist(), strict=True)
    names = {number + FIRST_CLASS: name for number, name in enumerate(truth.class_names)}
    return BoxPrecision(
        float(scores["map_50"]),
        float(scores["map"]),
        {names[number]: score for number, score in of_class if score >= 0},  # -1: a class that was detected, and is nowhere
    )


def _check(found: Mapping[str, Tensor], classes: int, number: int) -> None:
    if missing := [key for key in KEYS if key not in found]:
        raise ShapeError(f"image {number}: wanted {', '.join(KEYS)} of the detections, missing {', '.join(missing)}")
    boxes, labels, scores = (found[key] for key in KEYS)
    if boxes.shape != (len(labels), CORNERS) or not labels.shape == scores.shape == (len(labels),):
        raise ShapeError(
            f"image {number}: wanted boxes (D,4), labels (D,) and scores (D,), "
            f"got {tuple(boxes.shape)}, {tuple(labels.shape)} and {tuple(scores.shape)}"
        )
    if not bool(torch.isfinite(boxes).all() & torch.isfinite(scores).all()):
        raise MetricError(f"image {number}: wanted finite boxes and scores, got others")
    if len(labels) and not FIRST_CLASS <= int(labels.min()) <= int(labels.max()) < FIRST_CLASS + classes:
        raise MetricError(f"image {number}: wanted labels from {FIRST_CLASS} to {classes}, got {int(labels.min())} to {int(labels.max())}")
