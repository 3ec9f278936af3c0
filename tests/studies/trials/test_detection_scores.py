"""Guesses between their anchors: the floor recovers nothing, the ceiling everything, inside the boxes and all over."""

import pytest
import torch

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.streams import stream
from dpm_flower.studies.trials.detection_scores import scored
from tests.training.cells import NAMES, cells, detection_nets
from tests.training.toys import CPU

TRUTH = cells(4)
GREY, NOISE = torch.full_like(TRUTH.images, 0.5), torch.rand(TRUTH.images.shape, generator=stream(0, "noise"))
NEAR = 0.7 * TRUTH.images + 0.3 * NOISE
ANCHORS = {"floor": GREY, "ceiling": TRUTH.images, "ceiling_A0": NEAR}
NETS = detection_nets()


def figures(guesses, anchors=ANCHORS, truth=TRUTH):
    return scored(truth, guesses, anchors, NETS.featurizer, CPU, stream(0, "headline"))


def test_the_floor_recovers_nothing_and_the_ceiling_everything():
    found = figures({"A0": NEAR, "A2": GREY, "A4": TRUTH.images})
    for head in ("recovered_inside", "disclosed"):
        assert found[f"{head}_A0"] == pytest.approx(1)  # by its own ceiling
        assert found[f"{head}_A2"] == pytest.approx(0, abs=1e-6)
        assert found[f"{head}_A4"] == pytest.approx(1)
    assert found["ssim_A4"] == pytest.approx(1)
    assert found["ssim_ceiling_A0"] == found["ssim_A0"] < 1


def test_the_headline_is_of_those_who_have_no_more_than_the_release():
    assert figures({"A0": GREY, "A2": NEAR, "A3": TRUTH.images, "A4": TRUTH.images})["disclosed"] < 0.95
    assert figures({"A0": GREY, "A2": NEAR})["disclosed"] == figures({"A0": GREY, "A2": NEAR, "A4": GREY})["disclosed"]
    assert figures({"A0": GREY, "A4": TRUTH.images})["disclosed"] == pytest.approx(1)  # nothing is secret of raw features


def test_the_worst_of_the_scores_counts():
    outlines = figures({"A2": (TRUTH.images * 0.2 + 0.4)})  # a faint copy: its outlines are all there
    assert outlines["disclosed_A2"] == outlines["disclosed"] > 0.9
    assert outlines["ssim_A2"] < 0.9


def test_who_gets_nothing_but_the_cells_gets_all_of_the_inside():
    cells_only = GREY.clone()
    for image, copy, boxes in zip(TRUTH.images, cells_only, TRUTH.boxes, strict=True):
        for left, top, right, bottom in boxes.int().tolist():
            copy[:, top:bottom, left:right] = image[:, top:bottom, left:right]
    found = figures({"A2": cells_only})
    assert found["recovered_inside_A2"] == pytest.approx(1, abs=1e-4)
    assert found["disclosed_A2"] < 1.0


def test_where_raw_features_show_no_more_than_the_floor_no_share_is_told():
    found = figures({"A2": TRUTH.images}, ANCHORS | {"ceiling": GREY})
    assert not any(key.startswith(("recovered", "disclosed")) for key in found)


def test_images_without_any_box_have_no_inside():
    bare = Boxed(TRUTH.images, (torch.zeros(0, 4),) * 4, (torch.zeros(0, dtype=torch.int64),) * 4, NAMES)
    found = figures({"A2": NEAR}, truth=bare)
    assert set(found) == {*(f"ssim_{name}" for name in ("A2", *ANCHORS)), "disclosed_A2", "disclosed", "disclosed_p95"}
