"""Transformers that detect on images in small: whose images they see, how they see them, and where boxes are judged."""

import math
from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.boxed import joined
from dpm_flower.core.comparison import Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.data.box_augmentation import mirrored
from dpm_flower.data.letterbox import Letterbox
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials import detection_transformer
from dpm_flower.studies.trials.detection_mixed import MixedAttackers
from dpm_flower.studies.trials.detection_scene import Scene
from dpm_flower.studies.trials.detection_transformer import DetectionTransformer, TransformerOnImages
from tests.studies.trials.smears import FEW, TASK, archive, ground
from tests.training.toys import CPU

METHOD = MixedImages(patch=8)
SMALL = DetectionTransformer(side=32, patch=8, size=VitSize(12, 1, 2), tokens=5, fitting=FEW)
ATTACKERS = MixedAttackers(
    sharpening=SuperResolution(fitting=FEW), decrypting=TransformerDecryptor(size=VitSize(12, 1, 2), fitting=FEW), shown=2
)
OWN = TransformerOnImages(name="own", pooled=False, task=TASK, transformer=SMALL, attackers=ATTACKERS)
ROWS = {"own": OWN, "all": replace(OWN, name="all", pooled=True), "mixed": replace(OWN, name="mixed", pooled=True, method=METHOD)}
LETTERBOX = Letterbox((32, 40), 32)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smears")
    archive(folder / "smears.npz")
    return folder


def here(place, name):
    return ground(str(place / "smears.npz"), place, name)


@pytest.fixture(scope="module")
def rows(place):
    return {name: trial.run(here(place, name)) for name, trial in ROWS.items()}


@pytest.fixture(scope="module")
def scene(place):
    return Scene.of(TASK, here(place, "scene"))


@pytest.fixture
def learnt(monkeypatch, place, scene):
    """Runs a row -> what each of its detectors learnt from, by the name of its folder, and what they were tested on."""

    def run(row):
        given, tested = {}, []
        monkeypatch.setattr(
            Scene, "detecting", lambda _, network, examples, fitting, rng, folder, *, flip: given.update({folder.name: examples})
        )
        asked = detection_transformer.detections
        monkeypatch.setattr(
            detection_transformer,
            "detections",
            lambda network, images, compute: tested.append(images) or asked(network.eval(), images, CPU),
        )
        monkeypatch.setattr(MixedAttackers, "asked", lambda *_: detection_transformer.Found({}))
        monkeypatch.setattr(Scene, "of", lambda *_: scene)
        ROWS[row].run(here(place, row))
        return given, tested

    return run


def test_every_row_has_its_figures_and_the_same_again(rows, place):
    both, one = {"map50", "map50_95"}, {"map50", "map50_95", "sent_bytes"}
    assert set(rows["own"].figures) == both | {"map50_a", "map50_b"}
    assert set(rows["all"].figures) == one
    who = {f"{score}_{name}" for score in ("ssim", "inside") for name in ("A0", "A2", "A2_decryptor", "floor", "ceiling", "ceiling_A0")}
    assert {key for key in rows["mixed"].figures if not key.startswith(("recovered", "disclosed"))} == one | who
    assert all(math.isfinite(value) for found in rows.values() for value in found.figures.values())
    assert ROWS["mixed"].run(here(place, "mixed again")).figures == rows["mixed"].figures


def test_each_row_learns_from_the_lead_and_from_those_whom_it_names(learnt, scene):
    a, b = scene.receivers.values()
    own, _ = learnt("own")
    assert set(own) == {"transformer lead a", "transformer lead b"}
    together, _ = learnt("all")
    assert set(together) == {"transformer lead a b"}
    for examples, sets in [*zip(own.values(), ([scene.lead, a], [scene.lead, b]), strict=True), (*together.values(), [scene.lead, a, b])]:
        wanted = LETTERBOX.boxed(joined(sets))
        assert torch.equal(examples.inputs, wanted.images)
        assert all(torch.equal(*pair) for pair in zip(examples.boxes, wanted.boxes, strict=True))
        assert all(torch.equal(*pair) for pair in zip(examples.labels, wanted.labels, strict=True))


def test_with_mixed_images_nothing_is_seen_in_clear_neither_to_learn_from_nor_to_be_judged_on(learnt, scene, place):
    given, (test,) = learnt("mixed")
    (examples,) = given.values()

    def mixed(squares):
        return as_bytes(METHOD.encryption(squares, torch.Generator()))

    everybody = joined([scene.lead, *scene.receivers.values()])
    assert torch.equal(examples.inputs, mixed(LETTERBOX.images(everybody.images)))
    assert torch.equal(test, mixed(LETTERBOX.images(scene.test.images)).float() / 255)
    _, (clear,) = learnt("all")
    assert torch.equal(clear, LETTERBOX.images(scene.test.images).float() / 255)


def test_a_mixed_square_flipped_is_the_flipped_square_mixed(scene):
    squares = LETTERBOX.images(scene.lead.images)
    for across, down in ((True, False), (False, True), (True, True)):
        turns = [torch.full((len(squares),), turn) for turn in (across, down)]
        before, _ = mirrored(squares, [torch.zeros(0, 4)] * len(squares), *turns)
        after, _ = mirrored(METHOD.encryption(squares, torch.Generator()), [torch.zeros(0, 4)] * len(squares), *turns)
        torch.testing.assert_close(METHOD.encryption(before, torch.Generator()), after)


def test_boxes_are_judged_where_they_are_in_the_images(place, scene, monkeypatch):
    def seer(network, images, compute):
        """Finds all that is there, in the square."""
        corners = map(LETTERBOX.boxes, scene.test.boxes)
        found = zip(corners, scene.test.labels, strict=True)
        return [{"boxes": boxes, "labels": labels + 1, "scores": torch.ones(len(labels))} for boxes, labels in found]

    monkeypatch.setattr(detection_transformer, "detections", seer)
    found = ROWS["all"].run(here(place, "all")).figures
    assert found["map50"] == found["map50_95"] == pytest.approx(1.0)


def test_mixed_images_travel_in_a_quarter_of_the_bytes(rows, scene):
    boxes = [one for part in scene.receivers.values() for one in (*part.boxes, *part.labels)]
    beside = sum(one.numel() * one.element_size() for one in boxes) / 2
    clear, mixed = (rows[name].figures["sent_bytes"] - beside - 6 * 8 for name in ("all", "mixed"))  # without labels of 8 bytes
    assert clear == pytest.approx(6 * 3 * 32 * 32, abs=300)  # and a header
    assert clear - mixed == pytest.approx(6 * 3 * (32 * 32 - 16 * 16), abs=30)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: replace(SMALL, patch=7), "fill a side of 32 pixels exactly"),
        (lambda: replace(SMALL, tokens=0), "at least one token, got 0"),
        (lambda: replace(SMALL, fitting=replace(FEW, patience=1)), "without patience, got 1"),
        (lambda: replace(ROWS["mixed"], method=MixedImages(patch=4)), "patches that were mixed, of 4 pixels, got 8"),
    ],
)
def test_knobs_that_cannot_work_are_refused(make, reason):
    with pytest.raises(SettingError, match=reason):
        make()


def test_equal_streams_give_equal_networks_and_rows_are_trials(place):
    one, again = (SMALL.fresh(2, here(place, "x").stream("t")).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert all(isinstance(row, Trial) for row in ROWS.values())
    assert len({repr(row) for row in ROWS.values()}) == 3
