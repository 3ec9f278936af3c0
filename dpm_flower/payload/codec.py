"""The codec: a shared batch -> shards of bounded size, and shards -> the batch again. Arrays travel as safetensors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.payload.coded_shard import FORMS, coded_content, coded_file
from dpm_flower.payload.counted import counted
from dpm_flower.payload.feature_codec import coded, decoded, most_coded_bytes
from dpm_flower.payload.pieces import written
from dpm_flower.payload.released_spec import ImageSpec, LabelledSpec, kind_of, sample_bytes
from dpm_flower.payload.released_values import ReleasedValues, released_features, released_images
from dpm_flower.payload.rules import shown
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard
from dpm_flower.payload.stored_arrays import Array, array_of, stored_arrays
from dpm_flower.payload.tensor_file import tensor_file

SHARD_BYTES = 64 << 20  # the unit that is fetched again after damage: seconds on a line between sites
HEADER_BYTES = 512  # safetensors' JSON header takes about 200 for two tensors, 400 for five
LABEL_BYTES = 8  # int64
LARGEST = torch.finfo(torch.float32).max  # what lies within is finite, in each type that is stored

_STORED = {"float16": "F16", "float32": "F32"}


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """One shard's name, values (n,*shape) and labels (n,) as stored."""

    shard: str
    values: Array
    labels: Array


def encode(batch: SharedBatch, *, dtype: str = "float16", max_shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """Features (B,C,h,w) as `dtype`, or images (B,C,H,W) as uint8, each with labels (B,) -> shards; equal batches, equal bytes.

    Features with a codec leave as its pictures, as many samples to a shard as without. Images that are bytes travel as they are,
    floats in [0, 1] rounded to the nearest of 256 levels.

    Raises ReleaseError for what cannot be released: empty or malformed batches, values that are not finite or beyond
    `dtype`'s range, images outside [0, 1], model updates. Raises SettingError if a shard cannot hold one sample.
    """
    codec = ""
    match batch:
        case SharedFeatures(features, labels, codec):
            released = released_features(features.detach(), dtype)
        case SharedImages(images, labels):
            released = released_images(images.detach())
        case ModelUpdate():
            raise ReleaseError("wanted features or images, got a model update; those travel as Flower arrays, not as releases")
        case _:
            assert_never(batch)
    _check_labels(labels, len(released.values))
    samples = _samples_per_shard(released, max_shard_bytes)
    labels = labels.cpu()
    return [
        Shard(f"{released.kind}-{number:05d}.safetensors", _file(released, labels[start : start + samples], start, codec))
        for number, start in enumerate(range(0, len(labels), samples))
    ]


def as_received(batch: SharedBatch) -> SharedBatch:
    """What is shared -> what its readers get of it: features with a codec lose digits on the way. Without one, the batch itself.

    It is what `decode` makes of `encode` in its usual settings. Raises ReleaseError as `encode` does.
    """
    if not isinstance(batch, SharedFeatures) or not batch.codec:
        return batch
    released = released_features(batch.features.detach(), "float16")
    codec, shape, samples = batch.codec, released.sample_shape, _samples_per_shard(released, SHARD_BYTES)
    parts = [released.floats(start, samples) for start in range(0, len(released.values), samples)]
    received = [torch.from_numpy(decoded(coded(part, codec), len(part), shape, codec)) for part in parts]
    return replace(batch, features=torch.cat(received), codec="")


def _samples_per_shard(released: ReleasedValues, max_shard_bytes: int) -> int:
    """As many as there is room for without a codec: a reader's memory has to hold what is decoded."""
    size = released.values[0].numel() * released.dtype.itemsize + LABEL_BYTES
    samples = (max_shard_bytes - HEADER_BYTES) // size
    if samples < 1 or max_shard_bytes > MAX_SHARD_BYTES:
        raise SettingError(f"max_shard_bytes must lie from {size + HEADER_BYTES} (one sample) to {MAX_SHARD_BYTES}, got {max_shard_bytes}")
    return samples


def largest_shard(spec: LabelledSpec, samples: int) -> int:
    """A spec and a number of samples -> the most bytes of a shard that holds them, before compression and encryption."""
    if isinstance(spec, FeatureSpec) and spec.codec:
        samples = min(samples, _most_in_shard(spec))
        return most_coded_bytes(samples, spec.shape) + samples * LABEL_BYTES + HEADER_BYTES
    return samples * (sample_bytes(spec) + LABEL_BYTES) + HEADER_BYTES


def _most_in_shard(spec: FeatureSpec) -> int:
    """How many samples in a codec one shard may hold: pictures of nothing take few bytes, and decoded they take all that they say."""
    return max(1, MAX_SHARD_BYTES // (sample_bytes(spec) + LABEL_BYTES))


def decode(shards: Sequence[Shard], spec: LabelledSpec, *, classes: int, samples: int) -> SharedFeatures | SharedImages:
    """Shards in the manifest's order -> float32 features of the spec, or uint8 images, with labels; `samples` of them.

    Raises ReleaseError for anything that is not exactly that: names, types, shapes, counts, values that are not finite,
    labels outside [0, classes).
    """
    pieces, came = list[_Piece](), 0
    for shard in shards:
        pieces.append(_read(shard, spec, samples - came))
        came += len(pieces[-1].labels)
    if came != samples or not came:
        raise ReleaseError(f"wanted {samples} samples, at least one, got {came}")
    return _joined(pieces, spec, classes)


def decode_each(shards: Iterable[Shard], spec: LabelledSpec, *, classes: int, samples: int) -> Iterator[SharedFeatures | SharedImages]:
    """As `decode`, a batch for each shard: memory holds one shard, however large the release is.

    Raises ReleaseError as `decode` does, but only when it comes to what is wrong: what it gave before that is to be forgotten.
    """
    for piece in counted(shards, samples, lambda shard, left: _read(shard, spec, left), lambda piece: len(piece.labels)):
        yield _joined([piece], spec, classes)


def _joined(pieces: Sequence[_Piece], spec: LabelledSpec, classes: int) -> SharedFeatures | SharedImages:
    """Pieces of one sample or more in all -> the batch, in arrays of NumPy's, which says it when there is no memory left."""
    samples = sum(len(piece.labels) for piece in pieces)
    values = np.empty((samples, *spec.shape), np.uint8 if isinstance(spec, ImageSpec) else np.float32)
    labels = np.empty(samples, np.int64)
    start = 0
    for piece in pieces:
        end = start + len(piece.labels)
        labels[start:end] = piece.labels
        if not written(torch.from_numpy(piece.values), torch.from_numpy(values[start:end]), -LARGEST, LARGEST):
            raise ReleaseError(f"shard {piece.shard} holds values that are not finite")
        start = end
    if labels.min() < 0 or labels.max() >= classes:
        raise ReleaseError(f"labels must lie in [0, {classes}), got {labels.min()} to {labels.max()}")
    values_BCHW, labels_B = torch.from_numpy(values), torch.from_numpy(labels)
    match spec:
        case FeatureSpec():
            return SharedFeatures(values_BCHW, labels_B)
        case ImageSpec():
            return SharedImages(values_BCHW, labels_B)
        case _:
            assert_never(spec)


def _file(released: ReleasedValues, labels: Tensor, start: int, codec: str) -> bytes:
    """What leaves, and the labels of the samples from `start` on -> a file of those samples."""
    if codec:
        return coded_file(released.floats(start, len(labels)), labels.numpy(), codec)
    shape = torch.Size([len(labels), *released.values.shape[1:]])
    return tensor_file(released.kind, shape, released.dtype, labels, lambda place: released.write(start, place))


def _check_labels(labels: Tensor, samples: int) -> None:
    if labels.dtype != torch.int64 or labels.shape != (samples,):
        raise ReleaseError(f"wanted {samples} int64 labels, got {labels.dtype} {tuple(labels.shape)}")
    if int(labels.min()) < 0:
        raise ReleaseError(f"labels must be >= 0, got {int(labels.min())}")


def _read(shard: Shard, spec: LabelledSpec, most: int) -> _Piece:
    """A shard -> what it holds; `most` samples, where a codec makes much of few bytes. All is checked before any array is made."""
    if isinstance(spec, FeatureSpec) and spec.codec:
        return _read_coded(shard, spec, min(most, _most_in_shard(spec)))
    kind = kind_of(spec)
    stored = _STORED[spec.dtype] if isinstance(spec, FeatureSpec) else "U8"
    found = stored_arrays(shard)
    if found.keys() != {kind, "labels"}:
        raise ReleaseError(f"shard {shard.name} must hold {kind} and labels, got {shown(sorted(found))}")
    for name, wanted, shape in ((kind, stored, spec.shape), ("labels", "I64", ())):
        if found[name]["dtype"] != wanted:
            raise ReleaseError(f"{name} in shard {shard.name} must be {wanted}, got {found[name]['dtype']}")
        if tuple(found[name]["shape"][1:]) != shape or not found[name]["shape"] or not found[name]["shape"][0]:
            raise ReleaseError(f"{name} in shard {shard.name} must have shape (n, *{shape}), n > 0, got {shown(found[name]['shape'])}")
    if found[kind]["shape"][0] != found["labels"]["shape"][0]:
        raise ReleaseError(f"shard {shard.name} has {found[kind]['shape'][0]} {kind} but {found['labels']['shape'][0]} labels")
    return _Piece(shard.name, array_of(found[kind]), array_of(found["labels"]))


def _read_coded(shard: Shard, spec: FeatureSpec, most: int) -> _Piece:
    found = stored_arrays(shard)
    if found.keys() != FORMS.keys():
        raise ReleaseError(f"shard {shard.name} must hold {', '.join(FORMS)}, got {shown(sorted(found))}")
    for name, wanted in FORMS.items():
        if found[name]["dtype"] != wanted or len(found[name]["shape"]) != 1:
            raise ReleaseError(
                f"{name} in shard {shard.name} must be {wanted} of one dimension, got {found[name]['dtype']} {shown(found[name]['shape'])}"
            )
    values, labels = coded_content({name: array_of(found[name]) for name in FORMS}, shard.name, spec, most)
    return _Piece(shard.name, values, labels)
