"""Detectors over days in small: what each keeps is what its figures say, and attackers are asked about nothing else."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.core.comparison import Trial
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.data.boxed_sources import load_boxed
from dpm_flower.studies.trials.detection_days import BY_DAY, DetectionOverDays, DetectorWarmUp, day_mixes
from dpm_flower.studies.trials.detection_stream import DetectionDays
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.continual.detection.all_images import AllBoxedImages
from dpm_flower.training.continual.detection.ensemble import BoostedDetectors
from dpm_flower.training.continual.detection.ewc import ElasticDetector
from dpm_flower.training.continual.detection.online import OnlineDetector
from dpm_flower.training.continual.detection.replay import BoxedReplay
from dpm_flower.training.continual.learner import Kept
from dpm_flower.training.perturbation import GaussianNoise
from tests.studies.trials.smears import ATTACKERS, FEW, POISONED, archive, ground
from tests.training.cells import NAMES
from tests.training.continual.detection.days import bare

SMALL = DetectionOverDays(
    name="one",
    learning=OnlineDetector(fitting=FEW),
    days=DetectionDays(count=2, images=8, warm_up=6, public=5, peer=5),
    warm_up=DetectorWarmUp(pretrain=replace(FEW, steps=4), reconstruct=FEW),
    attackers=ATTACKERS,
    judged=10,
)
ALWAYS = {"map50", "map50_95", "warm_map50", "mean_map50", "backward_transfer", "stored_bytes", "refused_days", "cost_cpu_seconds"}
TOLD = {f"{score}_{who}" for score in ("ssim", "inside") for who in ("A0", "A2", "floor", "ceiling", "ceiling_A0")}
LEARNINGS = {
    "online": SMALL.learning,
    "ewc": ElasticDetector(firmness=1.0, bound=1.0, images=2, fitting=FEW),
    "ensemble": BoostedDetectors(fitting=FEW),
    "poisoned": BoxedReplay(recipe=POISONED, fitting=FEW),
    "raw": BoxedReplay(recipe=None, fitting=FEW),
    "all": AllBoxedImages(fitting=FEW),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("days")
    archive(folder / "smears.npz")
    return folder


@pytest.fixture(scope="module")
def works():
    return []


@pytest.fixture(scope="module")
def found(place, works):
    rows = {}
    for name, learning in LEARNINGS.items():
        here = ground(str(place / "smears.npz"), place, name, report=lambda progress, row=name: works.append((row, progress.work)))
        rows[name] = replace(SMALL, name=name, learning=learning).run(here)
    return rows


def test_every_learner_has_its_figures_and_a_curve_over_the_days(found):
    for name, one in found.items():
        assert set(one.figures) >= ALWAYS, name
        days, shares = zip(*one.curves[BY_DAY], strict=True)
        assert days == (0, 1, 2)
        assert shares[0] == pytest.approx(100 * one.figures["warm_map50"])
        assert shares[-1] == pytest.approx(100 * one.figures["map50"])
        assert one.figures["mean_map50"] == pytest.approx(sum(shares[1:]) / 200)
        assert one.figures["cost_cpu_seconds"] > 0
    assert len({one.figures["warm_map50"] for one in found.values()}) == 1


def test_only_what_is_kept_of_images_is_attacked(found):
    for name in ("online", "ewc", "ensemble"):
        assert set(found[name].figures) == ALWAYS
        assert not found[name].pictures
    for name in ("poisoned", "raw", "all"):
        told = {key for key in found[name].figures if not key.startswith(("disclosed", "recovered"))}
        assert told == ALWAYS | TOLD, name
        assert list(found[name].pictures) == ["images", "floor", "A0", "A2"]
        assert {tuple(each.shape) for each in found[name].pictures.values()} == {(2, 3, 32, 40)}


def test_raw_features_are_read_as_the_ceiling_is_and_kept_images_are_their_own_guess(found):
    raw, poisoned, everything = (found[name].figures for name in ("raw", "poisoned", "all"))
    for who, ceiling in (("A0", "ceiling_A0"), ("A2", "ceiling")):
        assert raw[f"ssim_{who}"] == pytest.approx(raw[f"ssim_{ceiling}"], abs=2e-3)  # numbers of 16 bits are kept
        assert everything[f"ssim_{who}"] == pytest.approx(1.0, abs=1e-4)
    assert poisoned["ssim_A2"] != raw["ssim_A2"]
    assert poisoned["ssim_floor"] == raw["ssim_floor"] == everything["ssim_floor"]
    assert torch.equal(found["all"].pictures["A0"], found["all"].pictures["images"])


def test_guesses_are_judged_by_the_images_that_what_is_kept_was_made_of(place):
    """After a refused day numbers of arrival are not places: raw features, kept of some images, are read as well as the ceiling is."""
    here = ground(str(place / "smears.npz"), place, "arrivals")
    data = load_boxed(here.data)
    stream = SMALL.days.divided(data.train, here.stream("days"))
    scene = SMALL.warm_up.scene(stream, data, replace(here, common=here.common / kept_as("days", repr(SMALL.days))))
    arrivals = torch.tensor([2, 4, 5, 9, 10, 13])
    raw = SharedFeatures(scene.raw(stream.came.images[arrivals]), torch.zeros(6, dtype=torch.int64))
    told = replace(SMALL, learning=LEARNINGS["raw"], judged=4)._told(scene, Kept(0, raw, arrivals), here)
    for key in ("ssim", "inside"):
        assert told.figures[f"{key}_A0"] == pytest.approx(told.figures[f"{key}_ceiling_A0"], abs=1e-4)
    came = {image.numpy().tobytes() for image in stream.came.images[arrivals].float() / 255}
    assert {image.numpy().tobytes() for image in told.pictures["images"]} < came


def test_what_is_stored_is_counted(found, place):
    stored = {name: one.figures["stored_bytes"] for name, one in found.items()}
    assert stored["online"] == 0
    assert stored["raw"] == stored["poisoned"] > (6 + 8) * 2 * 32 * 16 * 20
    assert stored["all"] > (6 + 8) * 3 * 32 * 40
    assert stored["ewc"] > stored["ensemble"] / 2 > 0  # two numbers for each weight of both halves, and two deciders
    assert all(one.figures["refused_days"] == 0 for one in found.values())


def test_networks_and_what_reads_raw_features_are_trained_once_for_all_trials(found, works):
    trained = [row for row, work in works if work == "detector"]
    assert set(trained) == {"online"}
    assert {row for row, work in works if work == "dpm"} == {"poisoned"}
    assert "reconstructor" not in {work for row, work in works if row in ("raw", "all")}


def test_the_same_ground_gives_the_same_figures_but_costs(found, place, tmp_path):
    again = replace(SMALL, learning=LEARNINGS["poisoned"]).run(ground(str(place / "smears.npz"), tmp_path))
    costs = {"cost_cpu_seconds"}
    assert {k: v for k, v in again.figures.items() if k not in costs} == {
        k: v for k, v in found["poisoned"].figures.items() if k not in costs
    }


def test_other_days_have_other_networks(place):
    here = ground(str(place / "smears.npz"), place, "others")
    before = len(list((place / "common").iterdir()))
    replace(SMALL, days=replace(SMALL.days, shift=0.5)).run(here)
    assert len(list((place / "common").iterdir())) == before + 1


def test_a_day_s_mix_is_its_share_of_each_class(place):
    data = load_boxed(str(place / "smears.npz"))
    stream = SMALL.days.divided(data.train, ground("", place).stream("days"))
    mixes = day_mixes(stream)
    assert mixes.sum(0).tolist() == pytest.approx([1.0, 1.0])
    first = torch.cat(stream.days[0].labels)
    everything = torch.cat([torch.cat(day.labels) for day in stream.days])
    assert float(mixes[0, 1]) == pytest.approx(int((first == 1).sum()) / int((everything == 1).sum()))


def test_a_last_day_without_boxes_costs_nothing_but_itself(found, place, monkeypatch):
    """Before it the course is that of any other run; afterwards there is all that belongs to a row."""
    divided = DetectionDays.divided

    def ending_bare(days, *given):
        stream = divided(days, *given)
        return replace(stream, days=(stream.days[0], bare(stream.days[1])))

    monkeypatch.setattr(DetectionDays, "divided", ending_bare)
    one = SMALL.run(ground(str(place / "smears.npz"), place, "bare"))
    assert set(one.figures) == ALWAYS
    assert one.curves[BY_DAY][:2] == found["online"].curves[BY_DAY][:2]


def test_a_class_that_test_images_lack_is_refused_before_anything_is_trained(tmp_path):
    data = archive(tmp_path / "green.npz", names=(*NAMES, "green"))
    with pytest.raises(DataError, match="wanted test images with boxes of all classes, got none of green in 4 images"):
        SMALL.run(ground(data, tmp_path))
    assert not (tmp_path / "common").exists()


def test_knobs_that_cannot_work_are_refused():
    assert isinstance(SMALL, Trial)
    with pytest.raises(SettingError, match="at least 2 judged"):
        replace(SMALL, judged=1)
    with pytest.raises(SettingError, match="without perturbation"):
        replace(SMALL, learning=BoxedReplay(recipe=replace(POISONED, perturbation=GaussianNoise(sigma=1.0))))
