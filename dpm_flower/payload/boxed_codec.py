"""The codec of features with boxes: what is shared of a detector's images -> shards of bounded size, and shards -> the same again.

A shard is a safetensors file of features (n,C,h,w), how many boxes each image has (n,), and all boxes (M,4) and what is in them (M,),
one image's after the other's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from dpm_flower.core.boxed import CORNERS, check_boxes
from dpm_flower.core.errors import DataError, ReleaseError, SettingError, ShapeError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.payload.codec import HEADER_BYTES, LARGEST, SHARD_BYTES
from dpm_flower.payload.counted import counted
from dpm_flower.payload.pieces import written
from dpm_flower.payload.released_spec import BoxedSpec, sample_bytes
from dpm_flower.payload.released_values import ReleasedValues, released_features
from dpm_flower.payload.rules import shown
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard
from dpm_flower.payload.stored_arrays import Form, Stored, array_of, check_forms, stored_arrays

MAX_BOXES = 1 << 14  # in one image: more than an annotation of 1 MiB can name, and 400 KB of a reader's memory
COUNT_BYTES = 8  # int64
BOX_BYTES = CORNERS * 4 + 8  # float32, and what is in it, int64

_STORED = {"float16": "F16", "float32": "F32"}


def encode_boxed(batch: SharedBoxes, spec: BoxedSpec, *, classes: int, max_shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """Features (B,C,h,w) with the boxes in their images, and what they are -> shards; equal batches, equal bytes.

    Raises ReleaseError for what cannot be released: features of another shape or beyond the range of the spec's type, boxes that are
    none of an image of the spec's size, labels outside [0, classes), more than MAX_BOXES in an image. Raises SettingError if a shard
    cannot hold one sample.
    """
    released = released_features(batch.features.detach(), spec.features.dtype)
    if released.sample_shape != spec.shape:
        raise ReleaseError(f"wanted features of shape {spec.shape}, got {released.sample_shape}")
    if not len(batch.boxes) == len(batch.labels) == len(released.values):
        raise ReleaseError(f"wanted boxes and labels of {len(released.values)} images, got {len(batch.boxes)} and {len(batch.labels)}")
    boxes, labels = ([one.detach().cpu() for one in some] for some in (batch.boxes, batch.labels))
    for number, (corners, kinds) in enumerate(zip(boxes, labels, strict=True)):
        _check(corners, kinds, spec, classes, f"sample {number}")
        if len(corners) > MAX_BOXES:
            raise ReleaseError(f"sample {number}: an image may have {MAX_BOXES} boxes in a release, got {len(corners)}")
    samples = _samples_per_shard(spec, max(map(len, boxes)), max_shard_bytes)
    return [
        Shard(f"boxed-{number:05d}.safetensors", _file(released, boxes[start : start + samples], labels[start : start + samples], start))
        for number, start in enumerate(range(0, len(boxes), samples))
    ]


def decode_boxed_each(shards: Iterable[Shard], spec: BoxedSpec, *, classes: int, samples: int) -> Iterator[SharedBoxes]:
    """Shards in the manifest's order -> float32 features of the spec with their boxes, a batch for each shard; `samples` in all.

    Memory holds one shard. Raises ReleaseError for anything that is not exactly that, when it comes to it: names, types, shapes, counts,
    values that are not finite, boxes without area or outside of their image, labels outside [0, classes). What it gave before that is
    to be forgotten.
    """
    return counted(shards, samples, lambda shard, _: _read(shard, spec, classes), lambda batch: len(batch.boxes))


def decode_boxed(shards: Iterable[Shard], spec: BoxedSpec, *, classes: int, samples: int) -> SharedBoxes:
    """As `decode_boxed_each`, all of it as one batch."""
    batches = list(decode_boxed_each(shards, spec, classes=classes, samples=samples))
    return SharedBoxes(
        torch.cat([each.features for each in batches]),
        tuple(one for each in batches for one in each.boxes),
        tuple(one for each in batches for one in each.labels),
    )


def largest_boxed_shard(spec: BoxedSpec, samples: int) -> int:
    """A spec and a number of samples -> the most bytes of a shard that holds them, before compression and encryption."""
    return samples * _bytes(spec, MAX_BOXES) + HEADER_BYTES


def _bytes(spec: BoxedSpec, boxes: int) -> int:
    """Of one sample with so many boxes."""
    return sample_bytes(spec) + COUNT_BYTES + boxes * BOX_BYTES


def _samples_per_shard(spec: BoxedSpec, most_boxes: int, max_shard_bytes: int) -> int:
    size = _bytes(spec, most_boxes)
    samples = (max_shard_bytes - HEADER_BYTES) // size
    if samples < 1 or max_shard_bytes > MAX_SHARD_BYTES:
        raise SettingError(f"max_shard_bytes must lie from {size + HEADER_BYTES} (one sample) to {MAX_SHARD_BYTES}, got {max_shard_bytes}")
    return samples


def _check(boxes_M4: Tensor, labels_M: Tensor, spec: BoxedSpec, classes: int, where: str) -> None:
    try:
        check_boxes(boxes_M4, labels_M, spec.size, classes)
    except (DataError, ShapeError) as err:
        raise ReleaseError(f"{where}: {err}") from err


def _file(released: ReleasedValues, boxes: Sequence[Tensor], labels: Sequence[Tensor], start: int) -> bytes:
    """What leaves, and the boxes and labels of the samples from `start` on -> a file of those samples."""
    features = torch.empty((len(boxes), *released.sample_shape), dtype=released.dtype)
    released.write(start, features)
    return save(
        {
            "features": features.numpy(),
            "counts": np.array([len(one) for one in boxes], np.int64),
            "boxes": torch.cat(list(boxes)).numpy(),
            "labels": torch.cat(list(labels)).numpy(),
        }
    )


def _read(shard: Shard, spec: BoxedSpec, classes: int) -> SharedBoxes:
    """A shard -> what it holds. Shapes and counts are checked before any array is made."""
    found = stored_arrays(shard)
    _check_found(found, spec, shard.name)
    counts, boxes_M = array_of(found["counts"]).tolist(), found["boxes"]["shape"][0]
    if min(counts) < 0 or max(counts) > MAX_BOXES or sum(counts) != boxes_M:
        raise ReleaseError(f"shard {shard.name} has {boxes_M} boxes, up to {MAX_BOXES} in an image, got counts of {shown(counts)}")
    features = np.empty((len(counts), *spec.shape), np.float32)
    if not written(torch.from_numpy(array_of(found["features"])), torch.from_numpy(features), -LARGEST, LARGEST):
        raise ReleaseError(f"shard {shard.name} holds features that are not finite")
    boxes, labels = (torch.from_numpy(array_of(found[name]).copy()) for name in ("boxes", "labels"))
    _check(boxes, labels, spec, classes, f"shard {shard.name}")
    return SharedBoxes(torch.from_numpy(features), torch.split(boxes, counts), torch.split(labels, counts))


def _check_found(found: Mapping[str, Stored], spec: BoxedSpec, name: str) -> None:
    forms: dict[str, Form] = {
        "features": (_STORED[spec.features.dtype], spec.shape),
        "counts": ("I64", ()),
        "boxes": ("F32", (CORNERS,)),
        "labels": ("I64", ()),
    }
    check_forms(found, forms, name)
    lengths = {array: found[array]["shape"][0] for array in forms}
    if lengths["features"] != lengths["counts"] or not lengths["counts"] or lengths["boxes"] != lengths["labels"]:
        raise ReleaseError(f"shard {name} must have a count for each feature map, at least one, and a label for each box, got {lengths}")
