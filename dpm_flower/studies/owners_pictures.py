"""The pictures that a simulation's report shows: a few images of one entity, read from its own folder after the run."""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.core.study import Study
from dpm_flower.regime.site import Site
from dpm_flower.studies.pictures import ImagesNHW3, Pictures
from dpm_flower.studies.settings import settings_of


def pictures_of(study: Study, campaign: str, sites: Path, entity: str) -> Iterator[Pictures]:
    """A campaign's identifier, the folder of the sites and an entity -> its pictures, one grid per method that shared something."""
    for method in study.methods:
        path = Site(sites / entity).pictures(campaign, repr(method))
        try:
            tensors = load_file(path)
            originals, raw, released = (tensors[name] for name in ("originals", "raw", "released"))
        except (OSError, SafetensorError, KeyError):
            continue  # this method shares nothing, this entity has no release of it, or the file is damaged: no run fails for that
        knobs = settings_of(method)
        equivalence = knobs.get("equivalence") if isinstance(knobs, dict) else None
        yield Pictures(
            method=f"{method.name} ({equivalence})" if equivalence else method.name,
            originals=_bytes(originals),
            raw=_bytes(raw),
            poisoned=_bytes(released),
            negatives=_bytes(1.0 - released),
        )


def _bytes(images_NCHW: Tensor) -> ImagesNHW3:
    pixels: ImagesNHW3 = (images_NCHW * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
