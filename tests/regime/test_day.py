"""A site's days: what is kept of them, what is gone of them, and that a killed process loses nothing and does nothing twice."""

import functools
import itertools
import os
import signal
from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.core.errors import PolicyError, SettingError
from dpm_flower.data.retention import inbox as inbox_module
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.verifying import verify
from dpm_flower.methods.hardened import TWO_ADVERSARIES
from dpm_flower.payload.codec import decode
from dpm_flower.payload.content import content
from dpm_flower.regime import audit as audit_module
from dpm_flower.regime import contribute as contribute_module
from dpm_flower.regime import days_folder
from dpm_flower.regime.class_days import inbox_study
from dpm_flower.regime.day import anything_new, close_day, open_day, take_in_files
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.regime.kept_releases import held
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.prediction import apply
from dpm_flower.training.recalibration import recalibrate
from tests.data.retention.fakes import DAY, FakeClock
from tests.data.test_voc_xml import annotation
from tests.in_memory import folder_in_memory
from tests.regime.small_inbox import (
    CLASSES,
    IMAGES,
    POLICY,
    came_when_touched,
    evening,
    images_come,
    next_day,
    png,
    put,
    read_days,
    run_day,
    small_work,
    traces,
    with_small_networks,
)
from tests.training.toys import equal, normed_nets, state_of

WARM_UP = IMAGES + 3  # images: more than come on the first day


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(inbox_module, "came_at", came_when_touched)
    with_small_networks(monkeypatch)


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is some: a day syncs a hundred times."""
    with folder_in_memory(tmp_path) as folder:
        yield folder


def a_day(work, inbox, clock, day, count=IMAGES):
    """A day's images come in the afternoon, and the day ends."""
    work.begin()
    next_day(clock)
    images_come(inbox, day, clock, count)
    evening(clock)
    return run_day(work, inbox, clock)


def features_of(work):
    """What the kept releases hold, the first day's first."""
    pool, net, found = work.pool, work.nets(), []
    day = days_folder.OpenDay(ended_at=0, derived="000000000000-" + "0" * 32, gone_at=10**11)
    task = work.task(1, day)
    for one in held(pool):
        release = work.notary.verify_own(pool.envelope(one.digest), replace(task, campaign=one.campaign), net.spec)
        shards = list(content(release, pool.shards(release)))
        found.append(decode(shards, net.spec, classes=len(CLASSES), samples=one.samples).features)
    return found


def test_three_days_leave_releases_and_a_decider_and_nothing_of_images_whose_time_is_over(tmp_path, inbox, clock):
    seen = []

    def look(_):
        if not seen:
            seen.extend(traces([tmp_path], 0))

    work, lines = small_work(tmp_path, clock, report=look), []
    for day in range(3):
        lines.append(a_day(work, inbox, clock, day))
        assert traces([tmp_path], day)  # until its time is over, each image lies in the store
        assert all(path.is_relative_to(tmp_path / "store" / "items") for path in traces([tmp_path], day))  # and nowhere else any more
    assert any(path.is_relative_to(tmp_path / "store" / "derived") for path in seen)  # where the search finds what was decoded
    assert [line["taken"] for line in lines] == [line["released"] for line in lines] == [IMAGES] * 3
    assert [line["kept_releases"] for line in lines] == [1, 2, 3]
    assert [line["over"] for line in lines] == [0, 0, 0]
    assert all(0 <= line["top1_before"] <= 1 and 0 <= line["top1_after"] <= 1 and line["refined"] for line in lines)
    assert [one["top1_after"] for one in lines[:-1]] == [one["top1_before"] for one in lines[1:]]
    assert read_days(work.folder.report) == lines
    assert [traces([tmp_path], day) for day in (0, 1)] == [[], []]
    clock.advance(DAY)
    work.store.purge()
    assert traces([tmp_path], 2) == []
    assert verify(Keeping(tmp_path / "store", clock)).wrong == ()
    assert len({torch.Tensor.numpy(one).tobytes() for one in features_of(work)}) == 3
    assert [path.name for path in work.folder.deciders.iterdir()] == ["000003.safetensors"]


def test_the_decider_learns_from_what_was_kept_of_days_that_are_gone(tmp_path, inbox, clock):
    (tmp_path / "other").mkdir()
    other = FakeClock()
    both, alone = small_work(tmp_path, clock), small_work(tmp_path / "other", other)
    a_day(both, inbox, clock, 0)
    for work in (both, alone):
        work.folder.write(replace(work.begin(), number=1, decider=0))  # the same decider and the same number of the day
    assert [a_day(both, inbox, clock, 1)["refined"], a_day(alone, inbox, other, 1)["refined"]] == [True, True]
    with_kept, without = (work.decider(work.folder.read(), work.nets()).state_dict() for work in (both, alone))
    assert not all(torch.equal(with_kept[name], without[name]) for name in with_kept)


def test_the_refined_decider_s_batch_norms_go_by_the_own_images_that_stay(tmp_path, inbox, clock, monkeypatch):
    with_small_networks(monkeypatch, normed_nets)
    work = small_work(tmp_path, clock)
    a_day(work, inbox, clock, 0)
    nets, decider = work.nets(), work.decider(work.folder.read(), work.nets())
    before = state_of(decider)
    own = apply(nets.featurizer, work.learning.images.own.images, work.compute)
    recalibrate(decider, own[: len(own) // 2], work.compute)
    assert not equal(state_of(decider), before)
    recalibrate(decider, own, work.compute)
    torch.testing.assert_close(state_of(decider), before)


def a_process(folder, clock):
    """What a process does that starts when a day has ended."""
    run_day(small_work(folder, clock, warm_up=WARM_UP), folder / "in", clock)


def killed(act, after):
    """Does `act` in a process that is killed before, or after, it first writes down how far it is -> whether it was killed."""
    child = os.fork()
    if child == 0:
        write = days_folder.DaysFolder.write

        def dying(self, days):
            if after:
                write(self, days)
            os.kill(os.getpid(), signal.SIGKILL)

        days_folder.DaysFolder.write = dying
        act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def kills_until_done(act):
    """Processes do `act` one after the other, each killed before or after the first step that it writes down -> how many it took."""
    kills = 0
    while killed(act, after=bool(kills % 2)):
        kills += 1
    return kills


def test_killed_between_any_two_steps_a_day_comes_to_the_same(tmp_path):
    """The second day, on which the networks are trained as well, since there are enough images."""
    results = []
    for name in ("undisturbed", "killed"):
        folder, own = tmp_path / name, FakeClock()
        (folder / "in").mkdir(parents=True)
        work = small_work(folder, own, warm_up=WARM_UP)
        work.begin()
        for day in (0, 1):
            next_day(own)
            images_come(folder / "in", day, own)
            put(folder / "in", f"ape/wrong-{day}.png", b"no image", own)
            evening(own)
            act = functools.partial(a_process, folder, own)
            if name == "killed" and day == 1:
                assert kills_until_done(act) == 14  # before and after each of seven times that it is written down
            else:
                act()
        lines = [{key: value for key, value in line.items() if key != "release"} for line in read_days(work.folder.report)]
        results.append((lines, features_of(work), work.decider(work.folder.read(), work.nets()).state_dict()))
    (lines, features, decider), (other_lines, other_features, other_decider) = results
    assert lines == other_lines
    assert [(line["rejected"], line["released"], line["refined"]) for line in lines] == [(1, 0, False), (1, 2 * IMAGES, True)]
    assert all(torch.equal(one, other) for one, other in zip(features, other_features, strict=True))
    assert all(torch.equal(decider[name], other_decider[name]) for name in decider)
    assert traces([tmp_path / "killed" / "store" / "derived"], 1) == []


def test_a_release_that_the_gate_stops_is_not_kept_and_the_report_says_why(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock, policy=replace(POLICY, most={"A0.ssim_p": -2.0}))
    line = a_day(work, inbox, clock, 0)
    assert (line["released"], line["release"], line["kept_releases"], line["kept_bytes"]) == (0, "", 0, 0)
    assert "allows A0.ssim_p up to -2" in line["reason"]
    assert line["refined"]  # on the raw features, while they are there
    assert not [path for path in traces([tmp_path], 0) if path.parent.name != "items"]


def test_a_policy_by_which_nothing_could_be_kept_is_refused_before_the_first_day(tmp_path, clock):
    with pytest.raises(PolicyError, match="methods"):
        small_work(tmp_path, clock, policy=replace(POLICY, methods=())).begin()
    with pytest.raises(PolicyError, match="not asked"):
        small_work(tmp_path, clock, policy=replace(POLICY, most={"A2.disclosed_p": 0.1})).begin()


def test_the_usual_attackers_are_asked_about_every_days_release(tmp_path):
    study = inbox_study(InboxPlace(store=tmp_path, classes=CLASSES, warm_up=2, side=16, hook="conv2_1"), "a")
    assert (study.attacks, study.methods) == (DEFAULT_AUDIT, (TWO_ADVERSARIES,))
    assert (study.side, study.hook, study.partition.names) == (16, "conv2_1", ("a",))


def test_nothing_trains_on_images_whose_time_is_over(tmp_path, inbox, clock):
    told = []

    def late(progress):
        told.append(progress.work)
        clock.advance(DAY)

    work = small_work(tmp_path, clock, report=late)
    line = a_day(work, inbox, clock, 0)
    assert len(told) == 1
    assert "time was over" in line["reason"]
    assert (line["released"], line["refined"], line["kept_releases"]) == (0, False, 0)
    assert traces([tmp_path], 0) == []


def test_images_whose_time_is_over_before_the_day_ends_or_soon_after_it_count_as_over(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock, ttl_s=6 * 3600)
    days = work.begin()
    images_come(inbox, 0, clock)  # at 13:46
    take_in_files(work, days, inbox, lambda *_: None)
    clock.advance(2 * 3600)
    put(inbox, "ape/late.png", png(torch.zeros(3, 12, 12, dtype=torch.uint8).numpy()), clock)
    clock.advance(4 * 3600 + 600)
    line = run_day(work, inbox, clock)
    assert (line["taken"], line["over"], line["released"], line["held"]) == (IMAGES + 1, IMAGES, 0, 1)
    clock.advance(DAY)
    line = run_day(work, inbox, clock)
    assert (line["taken"], line["over"], line["held"]) == (0, 1, 0)


def test_images_with_boxes_only_stay_in_the_store_and_are_not_trained_on(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    next_day(clock)
    put(inbox, "boxed.png", png(torch.zeros(3, 10, 20, dtype=torch.uint8).numpy()), clock)
    put(inbox, "boxed.xml", annotation(), clock)
    line = a_day(work, inbox, clock, 0)
    assert (line["taken"], line["released"], line["boxes_only"], line["held"]) == (IMAGES + 1, IMAGES, 1, IMAGES + 1)
    (item,) = [found for one in work.store.items() if "class" not in (found := work.store.read(one.id)).labels]
    assert item.labels["boxes"] == []


def test_too_few_images_wait_for_the_next_day(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock, ttl_s=3 * DAY)
    line = a_day(work, inbox, clock, 0, count=1)
    assert (line["released"], line["refined"]) == (0, False)
    assert "wanted at least 2 images of a class, got 1" in line["reason"]
    assert a_day(work, inbox, clock, 1)["released"] == IMAGES + 1


def test_without_networks_the_first_images_train_them_once_they_are_enough(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock, warm_up=WARM_UP)
    first = a_day(work, inbox, clock, 0)
    assert (first["released"], first["top1_before"], first["reason"]) == (
        0,
        None,
        f"wanted at least {WARM_UP} images to train the networks on, got {IMAGES}",
    )
    second = a_day(work, inbox, clock, 1)
    assert (second["released"], second["kept_releases"], second["refined"]) == (2 * IMAGES, 1, True)
    assert second["top1_before"] is not None
    digest = work.nets().digest()
    assert a_day(work, inbox, clock, 2)["released"] == IMAGES
    assert (work.nets().digest(), work.folder.read().networks) == (digest, digest)
    assert traces([tmp_path], 0) != []  # a warm-up image lives longer
    clock.advance(40 * DAY)
    work.store.purge()
    assert [traces([tmp_path], day) for day in range(3)] == [[], [], []]


def test_refined_every_second_day_only(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock, refine_every=2)
    lines = [a_day(work, inbox, clock, day) for day in range(3)]
    assert [line["refined"] for line in lines] == [False, True, False]
    assert [line["top1_before"] == line["top1_after"] for line in (lines[0], lines[2])] == [True, True]
    assert [line["kept_releases"] for line in lines] == [1, 2, 3]


def test_kept_releases_of_keys_or_networks_that_do_not_count_any_more_are_left_out_and_told(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    a_day(work, inbox, clock, 0)
    pool = work.pool
    (shard,) = [path for path in (work.folder.kept / "releases" / held(pool)[0].digest).iterdir() if "envelope" not in path.name]
    shard.write_bytes(shard.read_bytes()[::-1])
    line = a_day(work, inbox, clock, 1)
    assert "not refined: none of the 1 kept releases of other days could be read" in line["reason"]
    assert (line["refined"], work.folder.read().decider) == (False, 1)  # refined on that day alone it would forget the others
    line = a_day(work, inbox, clock, 2)
    assert (line["unread_releases"], line["refined"]) == (1, True)


def test_kept_releases_go_when_their_own_time_is_over(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    a_day(work, inbox, clock, 0)
    clock.wall_s = held(work.pool)[0].expires_at
    clock.uptime_s += DAY
    assert run_day(work, inbox, clock)["kept_releases"] == 0


def test_another_size_than_the_days_began_with_is_refused_and_one_that_was_not_written_down_is_taken(tmp_path, clock):
    began = small_work(tmp_path, clock).begin()
    work = small_work(tmp_path, clock)
    work.folder.write(replace(began, size=()))
    assert work.begin() == began
    work.folder.write(replace(began, size=(64, 48)))
    with pytest.raises(SettingError, match="wanted images of the size that the days began with, 48 x 64, got"):
        work.begin()


def test_other_networks_than_those_that_the_days_began_with_are_refused(tmp_path, clock):
    small_work(tmp_path, clock).begin()
    path = tmp_path / "nets.safetensors"
    work = small_work(tmp_path, clock)
    nets = work.nets()
    with torch.no_grad():
        next(nets.decider.parameters()).add_(1)
    write_tensors(path, nets.tensors())
    with pytest.raises(SettingError, match="other networks"):
        work.begin()
    path.write_bytes(b"damaged")
    with pytest.raises(SettingError, match="cannot read the networks"):
        work.begin()


def test_other_classes_than_those_that_the_days_began_with_are_refused(tmp_path, clock):
    small_work(tmp_path, clock).begin()
    with pytest.raises(SettingError, match="ape, bee, cat, in that order, got bee, ape, cat"):
        small_work(tmp_path, clock, classes=("bee", "ape", "cat")).begin()


def test_without_anything_new_there_is_nothing_to_say(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    assert not anything_new(work, work.begin())
    put(inbox, "cow/a.png", b"no image", clock)
    take_in_files(work, work.begin(), inbox, lambda *_: None)
    assert anything_new(work, work.begin())
    days, line = close_day(work, open_day(work, work.begin(), 5))
    assert (line["rejected"], line["taken"]) == (1, 0)
    assert not anything_new(work, days)


def test_the_report_and_the_state_name_no_file_and_no_image(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    next_day(clock)
    for name in ("ape/anna.png", "cow/berta.png"):
        put(inbox, name, b"no image", clock)
    a_day(work, inbox, clock, 0)
    texts = [path.read_bytes() for path in (*work.folder.folder.rglob("*.json*"), *work.folder.folder.rglob("*.log"))]
    assert len(texts) >= 2
    assert not [text for text, name in itertools.product(texts, (b"anna", b"berta", b"0-1")) if name in text]


def test_a_damaged_decider_costs_itself_and_the_networks_own_takes_its_place(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    a_day(work, inbox, clock, 0)
    work.folder.decider(1).write_bytes(b"damaged")
    line = a_day(work, inbox, clock, 1)
    assert "cannot read the decider" in line["reason"]
    assert "that of the public networks takes its place" in line["reason"]
    assert (line["refined"], a_day(work, inbox, clock, 2)["reason"]) == (True, "")


def damage(work, number):
    """One of the images in the store is changed where it lies."""
    path = work.store.folder / "items" / str(work.store.items()[number].name)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_an_image_that_was_damaged_in_the_store_is_lost_and_the_others_are_used(tmp_path, inbox, clock):
    work = small_work(tmp_path, clock)
    days = work.begin()
    next_day(clock)
    images_come(inbox, 0, clock)
    take_in_files(work, days, inbox, lambda *_: None)
    damage(work, 0)
    evening(clock)
    days = open_day(work, days, int(clock.wall_s))
    assert len(days.day.items) == IMAGES - 1
    day = next(number for number, one in enumerate(work.store.items()) if one.id in days.day.items)
    damage(work, day)  # and another one when the day is open
    _, line = close_day(work, days)
    assert (line["released"], line["over"], line["refined"]) == (IMAGES - 2, 2, True)
    assert line["reason"] == "1 images in the store are damaged; 1 images in the store could not be used"


@pytest.mark.parametrize("where", ["pictures", "publishing"])
def test_nothing_is_written_again_of_images_whose_time_is_over_between_two_steps_of_a_training(tmp_path, inbox, clock, monkeypatch, where):
    module, name = {"pictures": (audit_module, "_together"), "publishing": (contribute_module, "audit")}[where]
    done = getattr(module, name)
    work = small_work(tmp_path, clock)

    def slow(*arguments, **more):
        found = done(*arguments, **more)
        clock.advance(DAY)
        work.store.purge()
        return found

    monkeypatch.setattr(module, name, slow)
    line = a_day(work, inbox, clock, 0)
    assert "time was over" in line["reason"]
    assert (line["released"], line["kept_releases"], traces([tmp_path], 0)) == (0, 0, [])
    assert [path for path in (tmp_path / "store" / "derived").rglob("*") if path.suffix in (".safetensors", ".json")] == []
