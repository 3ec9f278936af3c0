"""Guesses between their anchors: the floor recovers nothing, the ceiling everything, inside the boxes and all over."""

import pytest
import torch

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.streams import stream
from dpm_flower.studies.trials.detection_scores import scored
from tests.training.cells import NAMES, cells

TRUTH = cells(4)
GREY, NOISE = torch.full_like(TRUTH.images, 0.5), torch.rand(TRUTH.images.shape, generator=stream(0, "noise"))
NEAR = 0.7 * TRUTH.images + 0.3 * NOISE
ANCHORS = {"floor": GREY, "ceiling": TRUTH.images, "ceiling_A0": NEAR}


def test_the_floor_recovers_nothing_and_the_ceiling_everything():
    found = scored(TRUTH, {"A0": NEAR, "A2": GREY, "A4": TRUTH.images}, ANCHORS)
    for head in ("recovered", "recovered_inside"):
        assert found[f"{head}_A0"] == pytest.approx(1)  # by its own ceiling
        assert found[f"{head}_A2"] == pytest.approx(0)
        assert found[f"{head}_A4"] == pytest.approx(1)
    assert found["ssim_A4"] == pytest.approx(1)
    assert found["ssim_ceiling_A0"] == found["ssim_A0"] < 1


def test_who_gets_nothing_but_the_cells_gets_all_of_the_inside():
    cells_only = GREY.clone()
    for image, copy, boxes in zip(TRUTH.images, cells_only, TRUTH.boxes, strict=True):
        for left, top, right, bottom in boxes.int().tolist():
            copy[:, top:bottom, left:right] = image[:, top:bottom, left:right]
    found = scored(TRUTH, {"A2": cells_only}, ANCHORS)
    assert found["recovered_inside_A2"] == pytest.approx(1, abs=1e-4)
    assert found["recovered_A2"] < 0.9


def test_where_raw_features_show_no_more_than_the_floor_no_share_is_told():
    found = scored(TRUTH, {"A2": TRUTH.images}, ANCHORS | {"ceiling": GREY})
    assert not any(key.startswith("recovered") for key in found)


def test_images_without_any_box_have_no_inside():
    bare = Boxed(TRUTH.images, (torch.zeros(0, 4),) * 4, (torch.zeros(0, dtype=torch.int64),) * 4, NAMES)
    assert set(scored(bare, {"A2": NEAR}, ANCHORS)) == {*(f"ssim_{name}" for name in ("A2", *ANCHORS)), "recovered_A2"}
