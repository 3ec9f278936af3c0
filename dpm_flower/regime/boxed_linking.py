"""Linkage of a release with boxes: how often the image that features were made of is found in a gallery, by nearest public features."""

import time

import torch
from torch import Tensor, nn

from dpm_flower.attacks.gallery import Gallery, gallery_of
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.nearness import nearness
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import Labelled
from dpm_flower.metrics.ranking import ranking
from dpm_flower.regime.linking import LinkLeak, link_leak
from dpm_flower.training.detection import ASKED
from dpm_flower.training.prediction import apply

NEAREST = NearestFeatures()


def boxed_gallery(victims: Boxed, others: Boxed, rng: torch.Generator) -> Gallery:
    """A release's images and own ones that nobody released, nor the attacker owns -> the candidates, with or without things in them.

    What stands for a candidate's label is its annotation: two have the same where all boxes and what is in them are the same. Who has
    annotations of the candidates finds what has boxes by these alone, since they lie in the release in clear. Raises DataError where
    there are no others.
    """
    numbers = dict[bytes, int]()
    labels = [_annotations(boxed, numbers) for boxed in (victims, others)]
    sets = [Labelled(boxed.images, each, len(numbers)) for boxed, each in zip((victims, others), labels, strict=True)]
    return gallery_of(sets[0], sets[1:], rng, any_class=True)


def boxed_linked(gallery: Gallery, released_NChw: Tensor, raw_NChw: Tensor, featurizer: nn.Module, compute: Compute) -> LinkLeak:
    """Candidates, what is released and the raw features of the same images -> what `NearestFeatures` finds by each.

    It looks at features only: what boxes tell stands beside it.
    """
    began = time.perf_counter()
    released, raw = (features[gallery.victims] for features in (released_NChw, raw_NChw))
    of_released, of_raw = list[Tensor](), list[Tensor]()
    for few in torch.split(gallery.images, ASKED):  # features of a thousand large images would take gigabytes
        candidates = apply(featurizer, few, compute)
        of_released.append(nearness(released, candidates))
        of_raw.append(nearness(raw, candidates))
    found, ceiling = (ranking(torch.cat(scores, 1), gallery.places) for scores in (of_released, of_raw))
    return link_leak(NEAREST.name, NEAREST.level, gallery.told_by_label(), found, ceiling, began)


def _annotations(boxed: Boxed, numbers: dict[bytes, int]) -> Tensor:
    """Images with boxes -> the number (N,) of each one's annotation among those that were met; new ones are entered."""
    found = [boxes.numpy().tobytes() + labels.numpy().tobytes() for boxes, labels in zip(boxed.boxes, boxed.labels, strict=True)]
    return torch.tensor([numbers.setdefault(one, len(numbers)) for one in found], dtype=torch.int64)
