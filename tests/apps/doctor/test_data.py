"""A site's own images, looked through as the loader does, and not decoded."""

from pathlib import Path

import pytest

from dpm_flower.apps.doctor.data import CLASSES, HELD_OUT, IMAGES, PUBLIC, data_findings
from dpm_flower.data import image_folder
from tests.apps.doctor.world import World
from tests.data.boxed_made import npz_file, voc_folder
from tests.federation.test_own_data import archive, folder_of


def _with_data(world: World, lines: str) -> World:
    world.path.write_text(f"{world.path.read_text()}[data]\n{lines}\n")
    return world


def _never(*_: object) -> None:
    raise AssertionError("images were decoded")


def test_without_images_of_its_own_a_site_rehearses(world: World) -> None:
    found = world.found(data_findings)
    assert list(found) == [IMAGES]
    assert (found[IMAGES].mark, "a rehearsal" in found[IMAGES].found) == ("ok", True)


def test_good_images_are_counted_by_class_and_none_is_decoded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(world.folder / "scans", ("benign", "malignant"), images=15)
    monkeypatch.setattr(image_folder, "images_from_files", _never)  # whoever decodes calls it
    _with_data(world, 'images = "scans"\npublic = "digits"\nclasses = ["benign", "malignant", "unclear"]')
    before = world.files()
    found = world.found(data_findings)
    assert {check: one.mark for check, one in found.items()} == dict.fromkeys((IMAGES, CLASSES, HELD_OUT, PUBLIC), "ok")
    assert "30 in scans: benign 15, malignant 15; none was decoded" in found[IMAGES].found
    assert "about 6" in found[HELD_OUT].found
    assert "1,797 in digits" in found[PUBLIC].found
    assert world.files() == before


def test_a_test_part_of_their_own_is_what_is_held_out(world: World) -> None:
    archive(world.folder / "own.npz", train=45, test=12)
    found = _with_data(world, 'images = "own.npz"').found(data_findings)
    assert found[HELD_OUT].found == "12, the test part of the images"
    assert "57 in own" in found[IMAGES].found
    assert "has no names for the study's classes" in found[CLASSES].found


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a file that is none"])
def test_images_that_cannot_be_looked_through_are_wrong_and_the_rest_waits(world: World, there: str) -> None:
    place = world.folder / ("own.npz" if there == "a file that is none" else "scans")
    if there == "an empty folder":
        place.mkdir()
    if there == "a file that is none":
        place.write_bytes(b"PK nonsense")
    found = _with_data(world, f'images = "{place.name}"\npublic = "gone.npz"').found(data_findings)
    assert {check: one.mark for check, one in found.items()} == {IMAGES: "wrong", CLASSES: "skipped", HELD_OUT: "skipped", PUBLIC: "wrong"}
    assert place.name in found[IMAGES].found


def test_a_class_without_images_and_one_that_the_site_does_not_name_are_wrong(world: World) -> None:
    folder_of(world.folder / "scans", ("benign", "naevus"))
    _with_data(world, 'images = "scans"\nclasses = ["benign", "malignant"]')
    found = world.found(data_findings)
    assert (found[IMAGES].mark, found[CLASSES].mark) == ("ok", "wrong")
    assert "got also images of naevus" in found[CLASSES].found
    for picture in (world.folder / "scans" / "naevus").iterdir():
        picture.unlink()
    assert "got none of naevus" in world.found(data_findings)[IMAGES].found


@pytest.mark.parametrize(("images", "mark"), [(2, "wrong"), (3, "ok")])
def test_at_least_one_image_must_be_left_to_be_judged_on(world: World, images: int, mark: str) -> None:
    """One in five, of 4 or 6 images."""
    folder_of(world.folder / "scans", ("benign", "malignant"), images=images)
    assert _with_data(world, 'images = "scans"').found(data_findings)[HELD_OUT].mark == mark


def test_nothing_is_downloaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("dpm_flower.data.sources.torchvision_set", lambda *_, download: asked.append(download))
    Path(world.folder / "sets").mkdir()
    with pytest.raises(AttributeError):  # of the nothing that the set is here
        _with_data(world, 'images = "cifar10:sets?download"').found(data_findings)
    assert asked == [False]


BOXES = 'images = "boxed"\npublic = "public/a.npz"\n[inbox]\ntask = "detection"\nstore = "store"\nwarm_up = 2\nclasses = '


@pytest.mark.parametrize(("classes", "mark"), [('["cat", "dog"]', "ok"), ('["cat"]', "warning")])
def test_an_inbox_of_boxes_wants_images_with_boxes(world: World, classes: str, mark: str) -> None:
    voc_folder(world.folder / "boxed")
    npz_file(world.folder / "public")
    found = _with_data(world, BOXES + classes).found(data_findings)
    assert {check: one.mark for check, one in found.items()} == {IMAGES: mark, PUBLIC: "ok"}
    assert ("3 with boxes in" in found[IMAGES].found) == (mark == "ok")
    assert ("got also dog" in found[IMAGES].found) == (mark == "warning")
    assert "train 3, validation 1, test 1" in found[PUBLIC].found


def test_an_inbox_of_boxes_without_such_images_is_wrong(world: World) -> None:
    folder_of(world.folder / "boxed", ("benign", "malignant"), images=15)
    found = _with_data(world, BOXES + '["cat"]').found(data_findings)
    assert {check: one.mark for check, one in found.items()} == {IMAGES: "wrong", PUBLIC: "wrong"}
