"""Linkage of a release with boxes: features against features, and beside it what the boxes alone tell."""

import pytest
import torch

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.streams import stream
from dpm_flower.regime import boxed_linking
from dpm_flower.regime.boxed_linking import boxed_gallery, boxed_linked
from dpm_flower.training.prediction import apply
from tests.training.cells import NAMES, cells, seen
from tests.training.toys import CPU

NETS, DATA, RAW = seen()
OTHERS = cells(5, seed=6)


def bare(count, seed):
    """Images without a box."""
    images = cells(count, seed).images
    return Boxed(images, (torch.zeros(0, 4),) * count, (torch.zeros(0, dtype=torch.int64),) * count, NAMES)


def gallery(victims=DATA, others=OTHERS):
    return boxed_gallery(victims, others, stream(0, "gallery"))


def test_raw_features_are_found_and_those_that_lie_as_near_to_all_are_not(monkeypatch):
    monkeypatch.setattr(boxed_linking, "ASKED", 4)  # candidates come in pieces
    link = boxed_linked(gallery(), torch.zeros_like(RAW), RAW, NETS.featurizer, CPU)
    assert (link.name, link.candidates, link.victims, link.raw, link.map_raw) == ("L1.nearest", 13, 8, 1, 1)
    assert link.chance == pytest.approx(1 / 13)
    assert link.release <= 1 / 8  # of all candidates one lies nearest to nothing
    turned = boxed_linked(gallery(), RAW.roll(1, 0), RAW, NETS.featurizer, CPU)
    assert (turned.release, turned.low, turned.raw) == (0, 0, 1)
    assert turned.high > 0


def test_boxes_alone_tell_which_image_it_is_unless_others_have_the_same(monkeypatch):
    assert boxed_linked(gallery(), RAW, RAW, NETS.featurizer, CPU).label == 1
    victims, others = joined([cells(2, seed=4), bare(2, seed=7)]), joined([OTHERS, bare(2, seed=8)])
    raw = apply(NETS.featurizer, victims.images, CPU)
    link = boxed_linked(gallery(victims, others), raw, raw, NETS.featurizer, CPU)
    assert link.label == pytest.approx((1 + 1 + 1 / 4 + 1 / 4) / 4)
    assert link.release == 1


def test_the_gallery_holds_the_release_among_images_with_any_boxes():
    found = gallery()
    assert (len(found), found.victims.tolist()) == (13, list(range(8)))
    assert torch.equal(found.images[found.places], DATA.images)
