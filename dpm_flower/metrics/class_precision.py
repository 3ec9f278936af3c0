"""How well detections find the things of each class: average precision at an overlap of a half."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dpm_flower.core.boxed import Boxed
from dpm_flower.metrics.box_precision import FIRST_CLASS, KEYS, box_precision


def class_precisions(detections: Sequence[Mapping[str, Tensor]], truth: Boxed) -> Tensor:
    """What a detector says of each image, and what is in them -> by class its average precision in [0,1] (K,), float64.

    Boxes that overlap the truth by half count as found; the mean over classes is `map50` of `box_precision`, which raises what it
    raises; MetricError also for a class without a box in the truth.
    """
    found = []
    for kind in range(len(truth.class_names)):
        kinds = [labels == kind for labels in truth.labels]
        only = Boxed(
            truth.images,
            tuple(boxes[chosen] for boxes, chosen in zip(truth.boxes, kinds, strict=True)),
            tuple(labels[chosen] for labels, chosen in zip(truth.labels, kinds, strict=True)),
            truth.class_names,
        )
        said = [{key: each[key][each["labels"] == kind + FIRST_CLASS] for key in KEYS} for each in detections]
        found.append(box_precision(said, only).map50)
    return torch.tensor(found, dtype=torch.float64)
