"""The codec of photographs with masks: what is shared of them -> shards of bounded size, and shards -> the same again.

A shard is a safetensors file of photographs (n,C,H,W) and masks (n,1,H,W) of 0 and 1, both as bytes.
"""

from collections.abc import Iterable, Iterator, Mapping

import torch
from safetensors.numpy import save
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.shared import SharedMasks
from dpm_flower.payload.codec import HEADER_BYTES, SHARD_BYTES
from dpm_flower.payload.counted import counted
from dpm_flower.payload.released_spec import MaskedSpec, sample_bytes
from dpm_flower.payload.released_values import ReleasedValues, released_images
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard
from dpm_flower.payload.stored_arrays import Stored, array_of, check_forms, stored_arrays


def encode_masked(batch: SharedMasks, spec: MaskedSpec, *, max_shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """Photographs (B,C,H,W), bytes or floats in [0,1], with masks (B,1,H,W) -> shards; equal batches, equal bytes.

    Raises ReleaseError for what cannot be released: photographs of another shape, masks that are not uint8 of 0 and 1. Raises
    SettingError if a shard cannot hold one pair.
    """
    released = released_images(batch.images.detach())
    if released.sample_shape != spec.shape:
        raise ReleaseError(f"wanted photographs of shape {spec.shape}, got {released.sample_shape}")
    masks = batch.masks.detach().cpu()
    if masks.dtype != torch.uint8 or tuple(masks.shape) != (len(released.values), *spec.mask_shape):
        raise ReleaseError(
            f"wanted uint8 masks of shape {(len(released.values), *spec.mask_shape)}, got {masks.dtype} {tuple(masks.shape)}"
        )
    _check_values(masks, "masks")
    pairs = _pairs_per_shard(spec, max_shard_bytes)
    return [
        Shard(f"masked-{number:05d}.safetensors", _file(released, masks[start : start + pairs], start))
        for number, start in enumerate(range(0, len(masks), pairs))
    ]


def decode_masked_each(shards: Iterable[Shard], spec: MaskedSpec, *, samples: int) -> Iterator[SharedMasks]:
    """Shards in the manifest's order -> photographs of the spec with their masks, a batch for each shard; `samples` pairs in all.

    Memory holds one shard. Raises ReleaseError for anything that is not exactly that, when it comes to it: names, types, shapes, counts,
    masks of other values than 0 and 1. What it gave before that is to be forgotten.
    """
    return counted(shards, samples, lambda shard, _: _read(shard, spec), lambda batch: len(batch.images))


def decode_masked(shards: Iterable[Shard], spec: MaskedSpec, *, samples: int) -> SharedMasks:
    """As `decode_masked_each`, all of it as one batch."""
    batches = list(decode_masked_each(shards, spec, samples=samples))
    return SharedMasks(torch.cat([each.images for each in batches]), torch.cat([each.masks for each in batches]))


def largest_masked_shard(spec: MaskedSpec, samples: int) -> int:
    """A spec and a number of pairs -> the most bytes of a shard that holds them, before compression and encryption."""
    return samples * _bytes(spec) + HEADER_BYTES


def _bytes(spec: MaskedSpec) -> int:
    """Of one pair."""
    _, height, width = spec.mask_shape
    return sample_bytes(spec) + height * width


def _pairs_per_shard(spec: MaskedSpec, max_shard_bytes: int) -> int:
    size = _bytes(spec)
    pairs = (max_shard_bytes - HEADER_BYTES) // size
    if pairs < 1 or max_shard_bytes > MAX_SHARD_BYTES:
        raise SettingError(f"max_shard_bytes must lie from {size + HEADER_BYTES} (one pair) to {MAX_SHARD_BYTES}, got {max_shard_bytes}")
    return pairs


def _file(released: ReleasedValues, masks: Tensor, start: int) -> bytes:
    """What leaves, and the masks of the pairs from `start` on -> a file of those pairs."""
    images = torch.empty((len(masks), *released.sample_shape), dtype=released.dtype)
    released.write(start, images)
    return save({"images": images.numpy(), "masks": masks.contiguous().numpy()})


def _check_values(masks: Tensor, where: str) -> None:
    if int(masks.max()) > 1:
        raise ReleaseError(f"{where} must have values of 0 and 1, got up to {int(masks.max())}")


def _read(shard: Shard, spec: MaskedSpec) -> SharedMasks:
    """A shard -> what it holds. Types and shapes are checked before any array is made."""
    found = stored_arrays(shard)
    _check_found(found, spec, shard.name)
    images, masks = (torch.from_numpy(array_of(found[name]).copy()) for name in ("images", "masks"))
    _check_values(masks, f"masks in shard {shard.name}")
    return SharedMasks(images, masks)


def _check_found(found: Mapping[str, Stored], spec: MaskedSpec, name: str) -> None:
    check_forms(found, {"images": ("U8", spec.shape), "masks": ("U8", spec.mask_shape)}, name)
    images, masks = (found[array]["shape"][0] for array in ("images", "masks"))
    if images != masks or not images:
        raise ReleaseError(f"shard {name} must have a mask for each photograph, at least one, got {images} photographs and {masks} masks")
