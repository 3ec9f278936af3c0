"""`dpm-flower site run` for an inbox of images with VOC annotations: a site file, a day at once, and what is said of it."""

import time

import pytest

from dpm_flower.apps import site_run
from dpm_flower.apps.site_run import run
from dpm_flower.regime.days_folder import DaysFolder
from tests.apps.small_site import made_site
from tests.data.boxed_made import voc_added, voc_folder
from tests.data.retention.fakes import FakeClock
from tests.data.test_voc_xml import box
from tests.in_memory import folder_in_memory
from tests.regime.small_boxes import BOXED, boxed_place, boxes_come, days_cells, small_boxed_study
from tests.regime.small_inbox import png, put, read_days

HEIGHT, WIDTH = 32, 40


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is some: a day syncs a hundred times."""
    with folder_in_memory(tmp_path) as folder:
        yield folder


def boxed_site(folder):
    """A folder -> the path of a site file with an inbox for cats and dogs in boxes; own and public images as VOC lays them out."""
    site = made_site(folder)
    for name in ("boxed", "boxed-public"):
        voc_added(voc_folder(folder / name), "more", box("dog", (2, 2, 9, 9)))
    (folder / "detector").mkdir()
    networks = boxed_place(folder / "detector").networks
    site.write_text(
        site.read_text().partition("[data]")[0]
        + f"""[data]
images = "boxed"
public = "boxed-public"
[inbox]
task = "detection"
store = "store"
classes = ["cat", "dog"]
backbone = "resnet8"
height = {HEIGHT}
width = {WIDTH}
networks = "{networks}"
"""
    )
    return site


def test_a_day_of_annotated_images_ends_in_a_line_of_mean_average_precision(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(site_run, "boxed_study", small_boxed_study)
    site, inbox, clock = boxed_site(tmp_path), tmp_path / "in", FakeClock(wall_s=time.time() + 10)
    inbox.mkdir()
    boxes_come(inbox, 0, clock, names=("cat", "dog"))
    put(inbox, "cat/classed.png", png(days_cells(1, 2).images.mul(255).byte().numpy()[0]), clock)
    assert run(site, inbox, once=True, clock=clock) == 0
    said = capsys.readouterr().out
    assert "mAP50" in said
    assert "1 images have a class and no boxes, and this inbox is learnt from by boxes" in said
    (line,) = read_days(DaysFolder(tmp_path / "sites" / "a" / "inbox").report)
    assert (line["taken"], line["released"], line["refined"], line["classes_only"]) == (BOXED + 1, BOXED, True, 1)
    assert 0 <= line["map50_before"] <= 1
    assert run(site, inbox, once=True, clock=clock) == 0
    assert capsys.readouterr().out == ""
