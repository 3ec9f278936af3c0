"""A few images of one entity, from its own folder, for the report of a simulation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dpm_flower.attacks.other_reconstructor import SUFFICIENCY
from dpm_flower.core.labelled import as_bytes
from dpm_flower.regime.site import Site
from dpm_flower.studies.owners_pictures import TURNED, pictures_of
from dpm_flower.training.checkpoint import write_tensors
from tests.small_study import POISONING
from tests.small_study import STUDY as SMALL

STUDY = replace(SMALL, attacks=())
OTHERS = SUFFICIENCY[:2]
IMAGES = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
WEAK = 0.4 + 0.2 * IMAGES  # the images, with little contrast
TENSORS = {"originals": IMAGES, "A0.z": WEAK, "A0.p": torch.stack((WEAK[0], 1 - WEAK[1]))}
OF_OTHERS = {f"{attack.name}.{of}": WEAK for attack in OTHERS for of in "zp"}


def _path(sites: Path, entity: str = "b") -> Path:
    return Site(sites / entity).pictures("campaign", repr(POISONING))


def test_pictures_are_bytes_with_the_negative_in_the_place_of_a_guess_that_is_farther(tmp_path: Path) -> None:
    write_tensors(_path(tmp_path), TENSORS)
    (grid,) = pictures_of(STUDY, "campaign", tmp_path, "b")
    assert grid.method == "deep-poisoning (activations)"
    original, raw, shared = grid.rows
    assert original.images.shape == (2, 12, 12, 3)
    np.testing.assert_allclose(original.images[1, 3, 4], IMAGES[1, :, 3, 4] * 255, atol=0.5)
    for row in (raw, shared):
        np.testing.assert_allclose(row.images[:, 3, 4], WEAK[:, :, 3, 4] * 255, atol=0.51)
    assert [TURNED in row.label for row in grid.rows] == [False, False, True]


def test_every_attacker_of_the_study_has_two_rows_in_order(tmp_path: Path) -> None:
    write_tensors(_path(tmp_path), TENSORS | OF_OTHERS)
    (grid,) = pictures_of(replace(STUDY, attacks=OTHERS), "campaign", tmp_path, "b")
    assert [row.label.split("\n")[0] for row in grid.rows] == [
        "original",
        *(name for name in ("public R", OTHERS[0].name, OTHERS[1].name) for _ in range(2)),
    ]


def test_images_that_lie_there_as_bytes_are_shown_as_they_are(tmp_path: Path) -> None:
    stored = as_bytes(IMAGES)
    write_tensors(_path(tmp_path), TENSORS | {"originals": stored})
    (grid,) = pictures_of(STUDY, "campaign", tmp_path, "b")
    assert np.array_equal(grid.rows[0].images, stored.permute(0, 2, 3, 1).numpy())


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


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"no tensors at all",
        {"A0.p": None},
        {"A0.p": IMAGES[:1]},
        {"A0.p": IMAGES + 1},
        {"originals": IMAGES[..., :5], "A0.z": IMAGES[..., :5], "A0.p": IMAGES[..., :5]},
    ],
)
def test_a_damaged_file_costs_the_pictures_and_not_the_run(damage: bytes | dict[str, torch.Tensor | None], tmp_path: Path) -> None:
    if isinstance(damage, bytes):
        write_tensors(_path(tmp_path), TENSORS)
        _path(tmp_path).write_bytes(damage)
    else:
        write_tensors(_path(tmp_path), {name: tensor for name, tensor in (TENSORS | damage).items() if tensor is not None})
    assert list(pictures_of(STUDY, "campaign", tmp_path, "b")) == []
