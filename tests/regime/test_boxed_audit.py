"""The audit of a release with boxes: what is signed of it, and whether it tells a release that says all from one that says nothing."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.regime.boxed_audit import SIGNABLE, boxed_audit
from dpm_flower.regime.days_folder import OpenDay
from dpm_flower.training.prediction import apply
from tests.data.retention.fakes import FakeClock
from tests.regime.small_boxes import boxed_work, staying_boxes, with_peers_who_remember
from tests.training.cells import cells
from tests.training.toys import CPU

TRUTH = cells(8, seed=9)
HELD_OUT = 3  # images


def audited(folder, turned=0, truth=TRUTH, staying=None):
    """What is signed of a release of raw features, each of the image so many places on."""
    work = boxed_work(folder, FakeClock())
    nets, task = work.nets(), work.task(1, OpenDay(ended_at=0, derived="000000000000-" + "0" * 32, gone_at=10**11))
    features = apply(nets.featurizer, truth.images, CPU).roll(turned, 0)
    released = SharedBoxes(features, truth.boxes, truth.labels)
    return boxed_audit(task, work.learning.study, nets, staying or staying_boxes(), truth, released)


def test_all_that_a_policy_can_limit_is_signed_of_features_that_say_all_and_chance_is_far_below(tmp_path, monkeypatch):
    with_peers_who_remember(monkeypatch, TRUTH.images)
    found = audited(tmp_path)
    unable = {"A0.disclosed_p", "A0.disclosed_p_p95"}  # the public reconstructor of these networks has learnt nothing
    assert set(found) | unable == {*SIGNABLE, "attacker_images"}
    assert found["headline_p"] == pytest.approx(1)
    assert found["headline_p_chance"] < 0.5
    assert found["headline_p_chance"] < found["headline_p_p95_chance"]
    linked = {name: found[f"L1.nearest.{name}"] for name in ("rank1_p", "map_p", "rank1_label", "rank1_chance")}
    assert linked == {"rank1_p": 1, "map_p": 1, "rank1_label": 1, "rank1_chance": pytest.approx(1 / (len(TRUTH) + HELD_OUT))}


def test_features_of_other_images_come_to_no_more_than_chance_and_link_nobody(tmp_path, monkeypatch):
    with_peers_who_remember(monkeypatch, TRUTH.images)
    found = audited(tmp_path, turned=1)
    assert found["headline_p"] < 0.5
    assert found["headline_p"] - found["headline_p_chance"] < 0.1
    assert found["L1.nearest.rank1_p"] == 0
    assert found["L1.nearest.rank1_p_high"] > 0
    assert found["L1.nearest.rank1_label"] == 1  # boxes lie in the release in clear, whatever features say


def test_where_nobody_is_able_there_is_no_headline_and_no_chance_and_linkage_is_told_all_the_same(tmp_path, monkeypatch):
    with_peers_who_remember(monkeypatch, torch.full_like(TRUTH.images, 0.5))
    found = audited(tmp_path)
    assert not [name for name in found if name.startswith("headline")]
    assert found["L1.nearest.rank1_p"] == 1


def test_held_out_images_that_are_all_among_the_days_make_no_gallery(tmp_path, monkeypatch):
    with_peers_who_remember(monkeypatch, TRUTH.images)
    with pytest.raises(DataError, match="wanted victims and other images, got 8 and 0"):
        audited(tmp_path, staying=replace(staying_boxes(), held_out=TRUTH.take(torch.arange(HELD_OUT))))
