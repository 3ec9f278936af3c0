"""A site's days of images with boxes: the same days as those of classes, for a detector."""

import functools
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError, GoneError, PolicyError, SettingError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.data.retention import inbox as inbox_module
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.payload.boxed_codec import decode_boxed
from dpm_flower.payload.content import content
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime import box_days, boxed_audit, days_folder
from dpm_flower.regime.boxed_study import boxed_study, passes
from dpm_flower.regime.inbox_boxes import StayingBoxes, days_boxes
from dpm_flower.regime.kept_releases import held
from dpm_flower.regime.site_file import DataPlace
from tests.data.boxed_made import npz_file
from tests.data.retention.fakes import BEGIN, DAY, FakeClock
from tests.data.test_voc_xml import annotation
from tests.in_memory import folder_in_memory
from tests.regime.small_boxes import (
    BOXED,
    boxed_place,
    boxed_traces,
    boxed_work,
    boxes_come,
    days_cells,
    with_peers_who_remember,
)
from tests.regime.small_inbox import POLICY, came_when_touched, evening, next_day, png, put, read_days, run_day
from tests.training.cells import NAMES, SIZE


@pytest.fixture(autouse=True)
def _touched(monkeypatch):
    monkeypatch.setattr(inbox_module, "came_at", came_when_touched)


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is some: a day syncs a hundred times."""
    with folder_in_memory(tmp_path) as folder:
        yield folder


def a_day(work, inbox, clock, day, count=BOXED):
    """A day's images come in the afternoon, and the day ends."""
    work.begin()
    next_day(clock)
    boxes_come(inbox, day, clock, count)
    evening(clock)
    return run_day(work, inbox, clock)


def kept_boxes(work):
    """What the kept releases hold, the first day's first."""
    pool, learning, nets = work.pool, work.learning, work.nets()
    day = days_folder.OpenDay(ended_at=0, derived="000000000000-" + "0" * 32, gone_at=10**11)
    task, found = work.task(1, day), []
    for one in held(pool):
        release = work.notary.verify_own(pool.envelope(one.digest), replace(task, campaign=one.campaign), learning._spec(nets))
        shards = content(release, pool.shards(release))
        found.append(decode_boxed(shards, learning._spec(nets), classes=len(NAMES), samples=one.samples))
    return found


def test_two_days_leave_releases_with_boxes_and_a_decider_and_nothing_of_images_whose_time_is_over(tmp_path, inbox, clock):
    work = boxed_work(tmp_path, clock)
    put(inbox, "red/classed.png", png(np.zeros((3, *SIZE), np.uint8)), clock)
    put(inbox, "wrong.xml", annotation(), clock)
    lines = [a_day(work, inbox, clock, day) for day in (0, 1)]
    assert [(line["taken"], line["rejected"], line["released"]) for line in lines] == [(BOXED + 1, 1, BOXED), (BOXED, 0, BOXED)]
    assert [line["classes_only"] for line in lines] == [1, 0]
    assert [(line["kept_releases"], line["refined"], line["reason"]) for line in lines] == [(1, True, ""), (2, True, "")]
    assert all(0 <= line["map50_before"] <= 1 for line in lines)
    assert lines[0]["map50_after"] == lines[1]["map50_before"]
    assert read_days(work.folder.report) == lines
    assert (boxed_traces([tmp_path], 0), len(boxed_traces([tmp_path / "store" / "items"], 1))) == ([], BOXED)
    assert len(boxed_traces([tmp_path], 1)) == BOXED  # in the store alone
    clock.advance(DAY)
    work.store.purge()
    assert boxed_traces([tmp_path], 1) == []
    assert [path.name for path in work.folder.deciders.iterdir()] == ["000002.safetensors"]
    released = kept_boxes(work)
    assert not torch.equal(released[0].features, released[1].features)
    came = {tuple(map(tuple, boxes.tolist())) for boxes in released[0].boxes}
    assert came == {tuple(map(tuple, boxes.tolist())) for boxes in days_cells(0).boxes}


def test_what_attackers_got_is_signed_and_the_policy_is_kept(tmp_path, inbox, clock, monkeypatch):
    with_peers_who_remember(monkeypatch, days_cells(0).images)
    limits = {"headline_p_chance": 0.9, "headline_p_p95_chance": 2.0, "L1.nearest.rank1_p": 1.0}
    line = a_day(boxed_work(tmp_path, clock, policy=replace(POLICY, most=limits)), inbox, clock, 0)
    (one,) = held(work_pool := boxed_work(tmp_path, clock).pool)
    signed = Manifest.from_bytes(work_pool.envelope(one.digest).payload)
    assert (signed.kind, signed.classes, signed.samples, signed.method) == ("boxed-features", len(NAMES), BOXED, "deep-poisoning")
    assert signed.spec.size == SIZE
    assert {"A0.ssim_p", "A1.ssim_p", "A2.ssim_p", "attacker_images", *limits} <= set(signed.audit)
    assert {name: value for name, value in signed.audit.items() if name.startswith("headline_p")}.items() <= line.items()
    assert line["headline_p_chance"] == signed.audit["headline_p_chance"]
    with_peers_who_remember(monkeypatch, days_cells(1).images)
    strict = boxed_work(tmp_path, clock, policy=replace(POLICY, most={"headline_p_chance": -9.0}))
    line = a_day(strict, inbox, clock, 1)
    assert "allows headline_p_chance up to -9" in line["reason"]
    assert (line["released"], line["kept_releases"], line["refined"]) == (0, 1, True)
    with pytest.raises(PolicyError, match="not asked"):
        boxed_work(tmp_path, clock, policy=replace(POLICY, most={"A3.ssim_p": 0.1})).begin()
    with pytest.raises(PolicyError, match="no release with boxes has"):
        boxed_work(tmp_path, clock, policy=replace(POLICY, most={"A2.rank1_p": 0.1})).begin()
    with pytest.raises(PolicyError, match="methods"):
        boxed_work(tmp_path, clock, policy=replace(POLICY, methods=())).begin()


def test_the_public_reconstructor_alone_makes_no_headline(tmp_path, inbox, clock, monkeypatch):
    asked = []
    monkeypatch.setattr(boxed_audit, "any_counts", lambda attackers: asked.append(set(attackers)))
    line = a_day(boxed_work(tmp_path, clock, policy=replace(POLICY, most={"headline_p": 1.0})), inbox, clock, 0)
    assert asked == [{"A1", "A2"}]
    assert line["released"] == 0
    assert "headline_p" in line["reason"]


def test_more_images_than_usual_take_more_steps_and_fewer_take_no_fewer(tmp_path):
    study = boxed_study(boxed_place(tmp_path, warm_up=2))
    usual = study.method.fitting.steps
    assert [study.method_for(images).fitting.steps for images in (2, 28, 42)] == [usual, usual, usual * 3 // 2]
    assert [passes(study.refine, images).steps for images in (28, 280)] == [study.refine.steps, 10 * study.refine.steps]
    assert study.inverse_for(56).fitting.steps == 2 * study.inverse.fitting.steps


def test_a_warm_up_without_a_box_trains_no_detector_and_waits(tmp_path, inbox, clock):
    work = boxed_work(tmp_path, clock, warm_up=BOXED)
    work.begin()
    next_day(clock)
    for number, pixels in enumerate(as_bytes(days_cells(0).images).numpy()):
        put(inbox, f"{number}.png", png(pixels), clock)
        put(inbox, f"{number}.xml", annotation(size=SIZE[::-1]), clock)
    evening(clock)
    line = run_day(work, inbox, clock)
    assert "wanted a box in one of the" in line["reason"]
    assert work.nets() is None
    assert work.folder.read().waiting


def a_process(folder, clock):
    """What a process does that starts when a day has ended."""
    run_day(boxed_work(folder, clock, warm_up=BOXED), folder / "in", clock)


def killed(act):
    """Does `act` in a process that is killed when it first has written down how far it is -> whether it was killed."""
    child = os.fork()
    if child == 0:
        write = days_folder.DaysFolder.write

        def dying(self, days):
            write(self, days)
            os.kill(os.getpid(), signal.SIGKILL)

        days_folder.DaysFolder.write = dying
        act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_after_each_step_a_day_that_trains_a_detector_too_comes_to_the_same(tmp_path):
    results = []
    for name in ("undisturbed", "killed"):
        folder, own = tmp_path / name, FakeClock()
        (folder / "in").mkdir(parents=True)
        work = boxed_work(folder, own, warm_up=BOXED)
        work.begin()
        next_day(own)
        boxes_come(folder / "in", 0, own)
        evening(own)
        act, kills = functools.partial(a_process, folder, own), 0
        if name == "killed":
            while killed(act):
                kills += 1
            assert kills == 6  # when it is open, after each of four steps, and when it is done
        else:
            act()
        lines = [{key: value for key, value in line.items() if key != "release"} for line in read_days(work.folder.report)]
        results.append((lines, kept_boxes(work)[0].features, work.nets().digest(), work.decider(work.folder.read(), work.nets())))
    (lines, features, digest, decider), (other_lines, other_features, other_digest, other_decider) = results
    assert lines == other_lines
    assert [(line["released"], line["refined"]) for line in lines] == [(BOXED, True)]
    assert torch.equal(features, other_features)
    assert digest == other_digest
    assert all(torch.equal(value, other_decider.state_dict()[name]) for name, value in decider.state_dict().items())


def test_nothing_is_kept_of_images_whose_time_is_over_when_the_audit_is_done(tmp_path, inbox, clock, monkeypatch):
    work, audit = boxed_work(tmp_path, clock), box_days.boxed_audit

    def slow(*arguments):
        found = audit(*arguments)
        clock.advance(DAY)
        work.store.purge()
        return found

    monkeypatch.setattr(box_days, "boxed_audit", slow)
    line = a_day(work, inbox, clock, 0)
    assert "time was over" in line["reason"]
    assert (line["released"], line["kept_releases"], boxed_traces([tmp_path], 0)) == (0, 0, [])


def test_a_section_says_what_detector_there_is(tmp_path):
    study = boxed_study(boxed_place(tmp_path, warm_up=2))
    assert (study.depth, study.hook, study.size) == (8, "conv3_1", SIZE)
    with pytest.raises(SettingError, match='thin ResNet, as "resnet8", got'):
        boxed_study(boxed_place(tmp_path, warm_up=2, backbone="vgg16"))
    with pytest.raises(SettingError, match="sides that 4 divides"):
        boxed_work(tmp_path, FakeClock(), warm_up=2, height=33, width=40).begin()


def stored(tmp_path, clock, *labels):
    store = RetentionStore.open(tmp_path / "store", RetentionPolicy(), clock)
    return store, [store.add(png(np.full((3, 10, 20), number, np.uint8)), BEGIN, one) for number, one in enumerate(labels)]


def test_a_days_images_are_resized_with_their_boxes_and_one_whose_box_is_gone_then_is_left_out(tmp_path, clock):
    boxes = [["blue", 0, 0, 20, 10], ["red", 5, 5, 10, 10]]
    store, items = stored(tmp_path, clock, {"boxes": boxes}, {"boxes": [["red", 1.0, 1.0, 1.0001, 9.0]]}, {"boxes": []})
    found = days_boxes(store, items, NAMES, (40, 32))
    assert [len(one) for one in found.boxes] == [2, 0]
    assert found.boxes[0].tolist() == [[0, 0, 32, 40], [8, 20, 16, 40]]
    assert found.labels[0].tolist() == [1, 0]
    assert (found.images.dtype, tuple(found.images.shape)) == (torch.uint8, (2, 3, 40, 32))
    with pytest.raises(DataError, match=r"wanted at least 2 images of 2 that are as they came and have no box that is too small, got 1$"):
        days_boxes(store, items[:2], NAMES, (40, 32))
    clock.advance(DAY)
    with pytest.raises(GoneError):
        days_boxes(store, items, NAMES, (40, 32))


def test_own_images_have_the_numbers_of_the_inboxs_classes_and_no_others(tmp_path):
    place = DataPlace(images=str(npz_file(tmp_path / "own")), public=str(npz_file(tmp_path / "public")))
    found = StayingBoxes.of(place, ("dog", "bird", "cat"), (32, 40))
    assert [one.tolist() for one in found.own.labels] == [[2, 0], [], [0], [2]]
    assert [one.tolist() for one in found.held_out.labels] == [[2, 0]]
    assert (found.own.size, len(found.public), len(found.known)) == ((32, 40), 3, 7)
    with pytest.raises(DataError, match="wanted boxes of the classes dog, got also some of cat"):
        StayingBoxes.of(place, ("dog",), (32, 40))


def test_own_images_to_be_judged_on_without_a_box_are_refused(tmp_path):
    one = {"boxes": np.array([[1, 2, 20, 10]], np.float32), "box_class": np.array([0], np.uint8), "box_image": np.array([0], np.int32)}
    place = DataPlace(images=str(npz_file(tmp_path / "own", **one)), public=str(npz_file(tmp_path / "public")))
    with pytest.raises(DataError, match="wanted at least one box in the test part"):
        StayingBoxes.of(place, ("cat", "dog"), (32, 40))
