"""The pictures that a simulation's report shows: a few images of one entity, read from its own folder after the run."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack
from dpm_flower.core.study import Study
from dpm_flower.metrics.similarity import ssim
from dpm_flower.regime.audit import ALWAYS_ASKED
from dpm_flower.regime.site import Site
from dpm_flower.studies.pictures import PictureRow, Pictures
from dpm_flower.studies.settings import settings_of

SOURCES = (("z", "from raw features"), ("p", "from shared features"))
TURNED = "negative if nearer"


def pictures_of(study: Study, campaign: str, sites: Path, entity: str) -> Iterator[Pictures]:
    """A campaign's identifier, the folder of the sites and an entity -> its pictures, one grid per method that shared something.

    Each has a row of the images, and two of what each attacker made of them, from raw features and from what was shared; the
    negative stands in for a guess where it is nearer, since it discloses an image just as well.
    """
    for method in study.methods:
        path = Site(sites / entity).pictures(campaign, repr(method))
        try:
            rows = tuple(_rows(study, load_file(path)))
        except (OSError, SafetensorError, KeyError, ShapeError, MetricError):
            continue  # this method shares nothing, this entity has no release of it, or the file is damaged: no run fails for that
        knobs = settings_of(method)
        equivalence = knobs.get("equivalence") if isinstance(knobs, dict) else None
        yield Pictures(f"{method.name} ({equivalence})" if equivalence else method.name, rows)


def _rows(study: Study, tensors: Mapping[str, Tensor]) -> Iterator[PictureRow]:
    originals = as_floats(tensors["originals"])
    yield PictureRow.of("original", originals)
    for attack in (ALWAYS_ASKED, *(one for one in study.attacks if isinstance(one, Attack))):
        name = "public R" if attack is ALWAYS_ASKED else attack.name
        for of, source in SOURCES:
            nearer, turned = _nearer(originals, tensors[f"{attack.name}.{of}"])
            yield PictureRow.of("\n".join((name, source, TURNED) if turned else (name, source)), nearer)


def _nearer(originals_NCHW: Tensor, guesses_NCHW: Tensor) -> tuple[Tensor, bool]:
    """Images and guesses (N,C,H,W) -> for each image the guess or its negative, whichever is nearer, and whether any is a negative."""
    negatives_NCHW = 1.0 - guesses_NCHW
    turned_N = ssim(originals_NCHW, negatives_NCHW) > ssim(originals_NCHW, guesses_NCHW)
    return torch.where(turned_N.view(-1, 1, 1, 1), negatives_NCHW, guesses_NCHW), bool(turned_N.any())
