"""A few images of one entity, from its own folder, for the report of a simulation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dpm_flower.regime.site import Site
from dpm_flower.studies.owners_pictures import pictures_of
from dpm_flower.training.checkpoint import write_tensors
from tests.small_study import POISONING, STUDY

TENSORS = {
    "originals": torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)),
    "raw": torch.full((2, 3, 12, 12), 0.25),
    "released": torch.full((2, 3, 12, 12), 1.0),
}


def _path(sites: Path, entity: str = "b") -> Path:
    return Site(sites / entity).pictures("campaign", repr(POISONING))


def test_pictures_are_bytes_with_the_negative_of_what_was_released(tmp_path: Path) -> None:
    write_tensors(_path(tmp_path), TENSORS)
    (grid,) = pictures_of(STUDY, "campaign", tmp_path, "b")
    assert grid.method == "deep-poisoning (activations)"
    assert grid.originals.shape == (2, 12, 12, 3)
    np.testing.assert_allclose(grid.originals[1, 3, 4], TENSORS["originals"][1, :, 3, 4] * 255, atol=0.5)
    assert {int(grid.raw[0, 0, 0, 0]), int(grid.poisoned.min()), int(grid.negatives.max())} == {64, 255, 0}


def test_variants_of_one_method_are_told_apart(tmp_path: Path) -> None:
    other = replace(POISONING, equivalence="labels")
    study = replace(STUDY, arms=(*STUDY.arms, replace(STUDY.arms[2], name="labels", method=other)))
    write_tensors(_path(tmp_path), TENSORS)
    write_tensors(Site(tmp_path / "b").pictures("campaign", repr(other)), TENSORS)
    assert [grid.method for grid in pictures_of(study, "campaign", tmp_path, "b")] == [
        "deep-poisoning (activations)",
        "deep-poisoning (labels)",
    ]


def test_other_entities_and_campaigns_have_none(tmp_path: Path) -> None:
    write_tensors(_path(tmp_path), TENSORS)
    assert list(pictures_of(STUDY, "campaign", tmp_path, "a")) == []
    assert list(pictures_of(STUDY, "other", tmp_path, "b")) == []
    assert list(pictures_of(STUDY, "campaign", tmp_path / "nowhere", "b")) == []


@pytest.mark.parametrize("damage", [b"", b"no tensors at all", None])
def test_a_damaged_file_costs_the_pictures_and_not_the_run(damage: bytes | None, tmp_path: Path) -> None:
    write_tensors(_path(tmp_path), {name: TENSORS[name] for name in ("originals", "raw")})
    if damage is not None:
        _path(tmp_path).write_bytes(damage)
    assert list(pictures_of(STUDY, "campaign", tmp_path, "b")) == []
